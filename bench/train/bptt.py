"""How far back the gradient goes: full BPTT, or truncated in windows of k1 steps that look back over k2.

Werbos, "Backpropagation through time", Proc. IEEE 78 (1990); Williams & Peng, "An efficient gradient-based algorithm
for on-line training of recurrent network trajectories", Neural Computation 2 (1990), for BPTT(h; h').
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Generator

from bench.api import Batch
from bench.config.schema import BPTTConfig


class Window(NamedTuple):
    """A stretch of a batch that gives one gradient.

    The model goes over `part`, whose weight is 0 where only the gradient, and not the loss, looks. The next window
    begins `advance` time steps after this one; at the last, that is its end.
    """

    part: Batch
    advance: int


def windows(batch: Batch, bptt: BPTTConfig, generator: Generator | None = None) -> Iterator[Window]:
    """The windows of a batch, in order.

    - full: the batch itself.
    - truncated: the loss of `window` (k1) steps after the other, with a gradient that goes back over the `horizon`
      (k2 >= k1; k1 where it is None) steps up to the window's end. With `offset` random the first border lies 1 to k1
      steps from the start, as `generator` says, so that no time step is always just behind a cut.
    - sliding: the textbook's form: k1 = 1, and the first loss after a full horizon.
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
    begin = min(back, steps - 1) if bptt.kind == "sliding" else 0
    borders = [begin, *range(begin + first, steps, window), steps]
    starts = [max(0, border - back) for border in borders[:-1]] + [steps]
    for (start, following), (scored, stop) in zip(pairwise(starts), pairwise(borders), strict=True):
        yield Window(_part(batch, start, scored, stop), min(following, stop) - start)


def window_note(bptt: BPTTConfig, steps: int) -> str | None:
    """What to say of a window or horizon that is longer than sequences of `steps` time steps."""
    longest = bptt.horizon or bptt.window or 0
    if longest <= steps:
        return None
    if bptt.kind == "sliding":
        cure = "only the last time step of each is trained on; lower bptt.horizon"
    else:
        cure = "over sequences this long it is that of bptt=full"
    return f"a gradient over {longest} time steps is longer than the first batch's {steps}: {cure}"


def scored_in(batch: Batch, bptt: BPTTConfig) -> float:
    """The weights of all that the loss looks at in the batch's windows, added up."""
    begin = min(bptt.horizon or 1, len(batch.inputs)) - 1 if bptt.kind == "sliding" else 0
    return float(batch.weight[begin:].sum())


def _part(batch: Batch, start: int, scored: int, stop: int) -> Batch:
    """Time steps `start` to `stop`, of which the loss looks at those from `scored` on."""
    part = batch.span(start, stop)
    if scored == start:
        return part
    weight_TB = part.weight.clone()
    weight_TB[: scored - start] = 0
    return replace(part, weight=weight_TB)
