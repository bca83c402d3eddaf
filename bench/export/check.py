"""Whether an exported model computes what the model does, time step by time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from bench.api import State, leaves
from bench.errors import BenchError
from bench.model.sequence import SequenceModel
from bench.unroll.generated import in_structure_of

__all__ = ["checked"]

_NEAR = {torch.float32: 1e-5, torch.float64: 1e-11}
"""The largest difference by the dtype of the weights, of numbers up to 1; relative to the largest one beyond."""


@torch.no_grad()
def checked(
    model: SequenceModel, inputs_N: Tensor, before: Sequence[Tensor], y_NC: Tensor, after: Sequence[Tensor]
) -> float:
    """The largest difference of outputs `y_NC` from those of the model.

    An exported model went through N time steps, each with `inputs_N`, the states `[N, ...]` before and after it. The
    model takes each of them from the same state, so that no difference grows over time and none is excused by that.
    Raises BenchError where outputs or states differ by more than rounding.
    """
    like = model.initial_state(1)
    state = [each.view(-1, *leaf.shape[1:]) for each, leaf in zip(before, leaves(like), strict=True)]
    right_NC, new = model.step(inputs_N, cast(tuple[State, ...], in_structure_of(like, state)))
    found = {"outputs": (y_NC, right_NC)}
    found |= {f"state {i}": pair for i, pair in enumerate(zip(after, leaves(new), strict=True))}
    for name, (mine, its) in found.items():
        gap = _gap(mine, its)
        allowed = _NEAR[model.like.dtype] * max(1.0, float(its.abs().nan_to_num(posinf=0).max()))
        if gap > allowed:
            raise BenchError(
                f"the exported {name} differ from the model's by {gap:.2g}, more than {allowed:.2g}, and nothing is "
                "written; choose another format"
            )
    return _gap(y_NC, right_NC)


def _gap(mine: Tensor, its: Tensor) -> float:
    """The largest difference; infinite where one of two numbers is NaN."""
    mine = mine.view(its.shape).to(its.dtype)
    same = (mine == its) | (mine.isnan() & its.isnan())
    return float(torch.where(same, 0, (mine - its).abs().nan_to_num(nan=torch.inf)).max())
