"""How far back the gradient goes: full BPTT, or BPTT truncated to k2 steps, once for every window of k1 steps.

Werbos, "Backpropagation through time", Proc. IEEE 78 (1990); Williams & Peng, "An efficient gradient-based algorithm
for on-line training of recurrent network trajectories", Neural Computation 2 (1990), for BPTT(h; h').
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    - sliding: k1 = 1, and the first loss comes after a full horizon.
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
        effect = "in such a batch only the last time step is trained on; lower bptt.horizon"
    else:
        effect = "in such a batch it equals the gradient of bptt=full"
    return f"the gradient goes back over {longest} time steps, but the first batch has only {steps}: {effect}"


def scored_in(batch: Batch, bptt: BPTTConfig) -> float:
    """The sum of the weights of all steps with a loss in the batch's windows."""
    begin = min(bptt.horizon or 1, len(batch.inputs)) - 1 if bptt.kind == "sliding" else 0
    return float(batch.weight[begin:].sum())


def _part(batch: Batch, start: int, scored: int, stop: int) -> Batch:
    """Time steps `start` to `stop` of the batch, with a loss at the steps from `scored` on."""
    part = batch.span(start, stop)
    if scored == start:
        return part
    weight_TB = part.weight.clone()
    weight_TB[: scored - start] = 0
    return replace(part, weight=weight_TB)
