"""Fair comparison: the hidden size that gives every cell the same number of parameters, or of FLOPs a token."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.api import Features
from bench.config import MatchConfig
from bench.errors import BenchError, ConfigError
from bench.model import SequenceModel

_FAR = 0.1
_WIDEST = 1 << 16
_NEIGHBOURS = 64  # how far to look past sizes that a cell does not take, such as those no multiple of its heads


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def flops_per_token(model: SequenceModel) -> int:
    """Floating-point operations of all matrix products in one time step of one lane, forward; a product's multiply and
    add count as two, element-wise work as none. The step form is counted: fused kernels hide theirs from counters. An
    encoder-decoder's step is the decoder's.
    """
    like, inputs = model.like, model.step_inputs
    x = like.new_zeros(1, inputs.size) if isinstance(inputs, Features) else like.new_zeros(1, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model.step(x, model.initial_state(1))
    return counter.get_total_flops()


def hidden_for(match: MatchConfig, build: Callable[[int], SequenceModel]) -> int:
    """The hidden size for which `build(hidden)` comes nearest to the wanted count, by bisection.

    That is within 1% from about a hundred units on; of smaller models one unit is a larger share, and the nearest is
    taken. Raises ConfigError, naming the nearest sizes, where none comes within 10%.
    """
    option, wanted = ("params", match.params) if match.params is not None else ("flops", match.flops)
    assert wanted is not None

    @cache
    def count(hidden: int) -> int:
        """The count at the first size from `hidden` on that the cell takes."""
        with torch.random.fork_rng(devices=[]):
            model = build(_next_size(hidden))
        return parameter_count(model) if option == "params" else flops_per_token(model)

    @cache
    def _next_size(hidden: int) -> int:
        for size in range(hidden, hidden + _NEIGHBOURS):
            try:
                with torch.random.fork_rng(devices=[]):
                    build(size)
                return size
            except BenchError as error:
                refused = error
        raise refused

    low, high = 1, 2
    while count(high) < wanted and high < _WIDEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    nearest = min((low, high), key=lambda hidden: abs(count(hidden) - wanted))
    if abs(count(nearest) - wanted) > _FAR * wanted:
        sizes = ", ".join(f"{count(h):,} at hidden size {_next_size(h)}" for h in (low, high))
        raise ConfigError(f"match.{option}={wanted}: no hidden size comes within 10%; the nearest give {sizes}")
    return _next_size(nearest)
