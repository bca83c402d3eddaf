"""Comparing a cell's results with the wanted ones: layouts, values, lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from bench.api import State, map_state
from bench.checks.law import Broken
from bench.checks.probe import Result

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8}
"""The largest allowed `gap`: far above rounding errors over a few steps, far below the effect of another equation."""


def tensors(state: State) -> Iterator[Tensor]:
    """The tensors of a state, in order; Broken where it is anything but a tensor or a (named) tuple of states."""
    if isinstance(state, Tensor):
        yield state
    elif type(state) is tuple or (isinstance(state, tuple) and hasattr(state, "_fields")):
        for part in state:
            yield from tensors(part)
    else:
        raise Broken(f"the state, or a part of it, is {type(state).__name__} instead of a tensor or a (named) tuple")


def layout(value: object) -> str:
    """The structure, dtypes and shapes of a state (or of any other value, by its type), to compare and to print."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if not isinstance(value, tuple):
        return type(value).__name__
    return f"{type(value).__name__}({', '.join(layout(part) for part in value)})"


def must_fit(result: object, shape: list[int], initial: State, place: str) -> None:
    """Raise Broken unless `result` is a pair: an output of `shape`, and a state with the layout of `initial`."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise Broken(f"{place} returns {layout(result)} instead of (output, state)")
    output, state = result
    if not isinstance(output, Tensor) or list(output.shape) != shape:
        raise Broken(f"{place}: the output is {layout(output)} instead of {shape}")
    if layout(state) != layout(initial):
        raise Broken(f"{place}: the state becomes {layout(state)}, initial_state has {layout(initial)}")


def must_equal(found: Result, wanted: Result, place: str, claim: str, lanes: Sequence[int] | None = None) -> None:
    """Raise Broken, `{place}: the output at time 3, lane 1 {claim} (by 0.12)`, unless outputs and last states agree.

    `lanes` gives the numbers to print, where only some lanes of a batch are compared.
    """
    tolerance = TOLERANCE.get(wanted[0].dtype, TOLERANCE[torch.float32])
    gap_TB = gap(found[0], wanted[0]).flatten(2).amax(2)
    if (wrong := (gap_TB > tolerance).nonzero()).numel():
        time, lane = wrong[0].tolist()
        where = f"time {time}, lane {lanes[lane] if lanes else lane}"
        raise Broken(f"{place}: the output at {where} {claim} (by {gap_TB[time, lane]:.2g})")
    for part, (a, b) in enumerate(zip(tensors(found[1]), tensors(wanted[1]), strict=True)):
        if (largest := gap(a, b).max().item()) > tolerance:
            raise Broken(f"{place}: part {part} of the last state {claim} (by {largest:.2g})")


def gap(found: Tensor, wanted: Tensor) -> Tensor:
    """The absolute difference of each element, divided by the largest wanted value where that is above 1.

    NaN equals NaN, and infinity equals infinity: another law checks that values are finite.
    """
    wide = torch.complex128 if wanted.is_complex() else torch.float64
    a, b = found.detach().cpu().to(wide), wanted.detach().cpu().to(wide)
    same = (a == b) | (a.isnan() & b.isnan())
    scale = max(1.0, b[b.isfinite()].abs().amax().item()) if b.isfinite().any() else 1.0
    return torch.where(same, 0.0, (a - b).abs().nan_to_num(torch.inf)) / scale


def weighted_sum(y_TBH: Tensor) -> Tensor:
    """A sum of the outputs, each with a different weight, so that its gradients depend on every output."""
    return (y_TBH * torch.linspace(-1, 1, y_TBH.numel(), dtype=y_TBH.dtype).view_as(y_TBH)).sum()


def gradients_of(total: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of `total` with respect to each leaf, by name; zeros where `total` does not depend on it."""
    found = torch.autograd.grad(
        total, list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))


def lanes_of(result: Result, lanes: Sequence[int]) -> Result:
    """The part of a result that belongs to some lanes."""
    return result[0][:, lanes], map_state(lambda part_B: part_B[lanes], result[1])
