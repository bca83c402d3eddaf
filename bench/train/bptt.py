"""How far back the gradient goes: full BPTT, or BPTT truncated to k2 steps, once for every window of k1 steps.

Werbos, "Backpropagation through time", Proc. IEEE 78 (1990); Williams & Peng, "An efficient gradient-based algorithm
for on-line training of recurrent network trajectories", Neural Computation 2 (1990), for BPTT(h; h').
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Generator

from bench.api import Batch
from bench.config.schema import BPTTConfig


class Window(NamedTuple):
    """A part of a batch that gives one gradient.

    The model runs over `part`. Its weight is 0 at steps that only the gradient reaches, without a loss. The next window
    begins `stride` time steps after this one; for the last window, `stride` is its length.
    """

    part: Batch
    stride: int


def windows(batch: Batch, bptt: BPTTConfig, generator: Generator | None = None) -> Iterator[Window]:
    """The windows of a batch, in order of time.

    - full: the batch itself.
    - truncated: one window for every `window` (k1) steps. Its loss covers these steps; its gradient goes back over the
      last `horizon` (k2 >= k1; None means k1) steps up to the window's end. With `offset=random` the first window has 1
      to k1 steps, drawn from `generator`, so that no time step always comes right after a cut.
    - sliding: k1 = 1. With `head=grow` the gradients of the first losses go back to the batch's first step, over fewer
      than k2 steps; with `skip`, the textbook's form, the first loss comes after a full horizon, and those before it
      are not trained on.
    """
    steps = len(batch.inputs)
    window = steps if bptt.window is None else bptt.window
    if bptt.kind == "full" or (window >= steps and bptt.kind == "truncated"):
        yield Window(batch, steps)
        return
    back = (bptt.horizon or window) - window
    first = window
    if bptt.offset == "random":
        first = int(torch.randint(1, window + 1, (), generator=generator))
    begin = _first_scored(bptt, steps)
    borders = [begin, *range(begin + first, steps, window), steps]
    starts = [max(0, border - back) for border in borders[:-1]] + [steps]
    for (start, following), (scored, stop) in zip(pairwise(starts), pairwise(borders), strict=True):
        yield Window(_part(batch, start, scored, stop), min(following, stop) - start)


def overlapping(found: Iterable[Window]) -> Iterator[tuple[Window, int]]:
    """The windows of a batch, each with the number of its first time steps that the window before has been through."""
    known = 0
    for window in found:
        yield window, known
        known = len(window.part.inputs) - window.stride


def window_note(bptt: BPTTConfig, steps: int) -> str | None:
    """A note for the user if window or horizon is longer than a batch of `steps` time steps, else None."""
    longest = bptt.horizon or bptt.window or 0
    if longest <= steps:
        return None
    if bptt.kind == "sliding":
        effect = "in such a batch each gradient goes back to the first step"
    else:
        effect = "in such a batch it equals the gradient of bptt=full"
    return f"the gradient goes back over {longest} time steps, but the first batch has only {steps}: {effect}"


def scored_in(batch: Batch, bptt: BPTTConfig) -> float:
    """The sum of the weights of all steps with a loss in the batch's windows."""
    return float(batch.weight[_first_scored(bptt, len(batch.inputs)) :].sum())


def untrained_share(batches: Sequence[Batch], bptt: BPTTConfig) -> float:
    """The share of the weights in `batches` at time steps whose loss is not trained on; 0 unless `head=skip`."""
    total = sum(float(batch.weight.sum()) for batch in batches)
    return 1 - sum(scored_in(batch, bptt) for batch in batches) / total if total else 0.0


def _first_scored(bptt: BPTTConfig, steps: int) -> int:
    """The first of a batch's `steps` time steps with a loss."""
    waits = bptt.kind == "sliding" and bptt.head == "skip"
    return min(bptt.horizon or 1, steps) - 1 if waits else 0


def _part(batch: Batch, start: int, scored: int, stop: int) -> Batch:
    """Time steps `start` to `stop` of the batch, with a loss at the steps from `scored` on."""
    part = batch.span(start, stop)
    if scored == start:
        return part
    weight_TB = part.weight.clone()
    weight_TB[: scored - start] = 0
    return replace(part, weight=weight_TB)
