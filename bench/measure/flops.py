"""The size of a model: its number of trainable parameters, and of floating-point operations per token."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from math import comb

import torch
from torch import Tensor, nn

from bench.api import Batch, Features
from bench.errors import ConfigError
from bench.measure.lookups import Lookups
from bench.measure.operations import Counter, Operations
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.results import figures
from bench.unroll.forms import Mode

STEPS, LANES = 64, 32
"""The batch over which work is shared: what depends on the weights alone is done once for all of its tokens."""


def parameter_count(model: nn.Module) -> int:
    """The number of trainable parameters; a shared one counts once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of a model for a time step of one lane: see `bench.measure.operations.Counter`.

    forward, backward   in a batch of `LANES` lanes of `STEPS` steps, by the form of its cells over time that needs the
                        fewest; the loss is left out. An encoder-decoder reads a symbol and writes one.
    streaming           in one step from a state to the next; of an encoder-decoder in a step of its decoder, which has
                        read `STEPS` symbols; None for a bidirectional model, which goes no single steps
    """

    forward: Operations
    backward: Operations
    streaming: Operations | None

    @property
    def unknown(self) -> list[str]:
        """The ops that are in no count, by their names in torch."""
        return sorted({op for each in (self.forward, self.backward, self.streaming) if each for op in each.unknown})

    def figures(self) -> figures.Flops:
        """Whole numbers, for a record."""
        streaming = None if self.streaming is None else _whole(self.streaming)
        forward, backward = _whole(self.forward), _whole(self.backward)
        return figures.Flops(forward=forward, backward=backward, streaming=streaming, unknown=self.unknown)


def _whole(each: Operations) -> figures.Operations:
    return figures.Operations(products=round(each.products), elementwise=round(each.elementwise))


def count_flops(model: SequenceModel) -> Flops:
    """The operations of `model` in evaluation, without dropout and noise. The model and torch's generators stay as they
    are.
    """
    model = _copy(model)
    with torch.random.fork_rng(devices=[]):
        forward, backward = _over_time(model, gradients=True)
        return Flops(forward, backward, _of_a_step(model))


def flops_per_token(model: SequenceModel) -> int:
    """The operations of the forward pass for a time step of one lane, all of them; see `Flops`.

    Raises ConfigError where an op of the model is in no count.
    """
    model = _copy(model)
    with torch.random.fork_rng(devices=[]):
        forward, _ = _over_time(model, gradients=False)
    if forward.unknown:
        raise ConfigError(
            f"match.flops: the operations of {', '.join(sorted(forward.unknown))} in {type(model.cells[0]).__name__} "
            "are not known; choose match.params"
        )
    return round(forward.total)


def _copy(model: SequenceModel) -> SequenceModel:
    """A copy on the CPU in evaluation mode."""
    return deepcopy(model).to("cpu").eval()


def _over_time(model: SequenceModel, gradients: bool) -> tuple[Operations, Operations]:
    """Forward and backward operations for each token of a batch, each by the form that needs the fewest.

    A loop is counted over a few steps and extended, since each of its steps costs the same. Vendor forms compute what
    the loop does, in kernels that no counter sees into.
    """
    counts = [_extended(model, gradients, lengths=(1, 2, 3))] if _takes(model, "eager") else []
    if _takes(model, "parallel"):
        counts.append(_extended(model, gradients, lengths=(STEPS,)))
    fewest = (min(pass_, key=lambda each: (len(each.unknown), each.total)) for pass_ in zip(*counts, strict=True))
    forward, backward = (each * (1 / (STEPS * LANES)) for each in fewest)
    return forward, backward


def _takes(model: SequenceModel, form: Mode) -> bool:
    """Whether the model's cells have the form; if so, the model goes by it from now on."""
    try:
        model.choose_unroll(form, steps=0)
    except ConfigError:
        return False
    return True


def _extended(model: SequenceModel, gradients: bool, lengths: tuple[int, ...]) -> list[Operations]:
    """Forward and backward operations of a whole batch, from those of one and two lanes and of these `lengths`."""
    of_lanes = []
    for lanes in (1, 2):
        of_lengths = zip(*(_of_a_batch(model, steps, lanes, gradients) for steps in lengths), strict=True)
        of_lanes.append([each[0] if len(each) == 1 else _polynomial(each, STEPS) for each in of_lengths])
    return [_polynomial(each, LANES) for each in zip(*of_lanes, strict=True)]


def _polynomial(counts: Sequence[Operations], at: int) -> Operations:
    """Newton's polynomial through `counts` at 1, 2, ..., evaluated at `at`."""
    result, differences = Operations(), list(counts)
    for order in range(len(counts)):
        result += differences[0] * comb(at - 1, order)
        differences = [after + before * -1 for before, after in pairwise(differences)]
    return result


def _of_a_batch(model: SequenceModel, steps: int, lanes: int, gradients: bool) -> tuple[Operations, Operations]:
    """Forward and, if wanted, backward operations of so many steps of so many lanes."""
    inputs = _zeros(model, steps, lanes)
    batch = Batch(inputs, torch.zeros(steps, lanes, dtype=torch.int64), torch.ones(steps, lanes))
    lookups = Lookups(model)
    with torch.set_grad_enabled(gradients):
        with Counter(lookups) as forward:
            logits, _ = model.predict(batch, model.initial_state(lanes))
        total = logits.sum()  # of which each gradient is 1
        with Counter(lookups) as backward:
            if gradients:
                weights = [each for _, each in model.named_parameters() if each.requires_grad]
                torch.autograd.grad(total, weights, allow_unused=True)
    return forward.counted, backward.counted


@torch.no_grad()
def _of_a_step(model: SequenceModel) -> Operations | None:
    """Operations of one step of one lane, from a state to the next; None for a model that goes none."""
    if model.bidirectional:
        return None
    if isinstance(model, EncoderDecoder):
        x, state = torch.zeros(1, dtype=torch.int64), model.read(_zeros(model, STEPS, 1))
    else:
        x, state = _zeros(model, 1, 1)[0], model.initial_state(1)
    with Counter(Lookups(model)) as counter:
        model.step(x, state)
    return counter.counted


def _zeros(model: SequenceModel, steps: int, lanes: int) -> Tensor:
    """Inputs of the model, all zeros."""
    inputs = (model.reader if isinstance(model, EncoderDecoder) else model).step_inputs
    if isinstance(inputs, Features):
        return model.like.new_zeros(steps, lanes, inputs.size)
    return torch.zeros(steps, lanes, dtype=torch.int64)
