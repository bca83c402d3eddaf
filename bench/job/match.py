"""Fair comparison: the hidden size that gives every cell the same number of parameters, or of FLOPs a token."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from bench.config.schema import MatchConfig
from bench.errors import BenchError, ConfigError
from bench.measure.flops import flops_per_token, parameter_count
from bench.model.sequence import SequenceModel

_FAR = 0.1
_WIDEST = 1 << 16
_NEIGHBOURS = 64  # how many sizes to try where a cell refuses some, such as those that are no multiple of its heads


def hidden_for(match: MatchConfig, build: Callable[[int], SequenceModel]) -> int:
    """The hidden size for which `build(hidden)` comes nearest to the wanted count, by bisection.

    From about a hundred units on the count is within 1%; in smaller models one unit is a larger share. Raises
    ConfigError, naming the nearest sizes, where none comes within 10%.
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
