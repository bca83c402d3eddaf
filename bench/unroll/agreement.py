"""Whether a form of a cell computes what the loop of its steps does: outputs, last states and gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from math import isnan
from typing import NamedTuple

import torch
from torch import Tensor

from bench.api import Cell, State, Unroll, leaves
from bench.unroll.eager import unroll_eager
from bench.unroll.tame import disturb, halve_largest, kept, weights_of

Results = dict[str, list[Tensor]]
"""Tensors by what they are: outputs, last states, gradients of the input and the parameters."""

PIECE = 35
"""A length over which a form is compared with the loop alone: odd, and longer than a block of 32."""

_LOOPED = 16  # steps by the loop at the beginning of a longer sequence; at its end it makes the rest of a piece


class Allowed(NamedTuple):
    """What two ways to compute the same may differ by in a precision: the largest `gap` by kind of result.

    `rounding` is the relative error of one product, `least` the size below which a difference counts as if it were
    of a result of that size.
    """

    rounding: float
    outputs: float
    states: float
    gradients: float
    least: float


ALLOWED = {
    "float64": Allowed(1e-14, 1e-3, 1e-3, 1e-3, 1.0),
    "float32": Allowed(1e-6, 1e-3, 1e-3, 1e-3, 1.0),
    "tf32": Allowed(2.0**-10, 0.0125, 0.0125, 0.1, 1e-3),
    "bfloat16": Allowed(2.0**-8, 0.05, 0.05, 0.2, 1e-3),
}
"""In float32 far above rounding errors, and far below the effect of another equation or a lost state. In bfloat16 the
built-in cells differ by 0.01, 0.01 and 0.08 at most over up to 1,030 steps, and a state that is lost changes outputs by
their own size; TF32 has two bits more.
"""
_TIMES = 4  # an error may be as many times that of a rounding error
_HALVINGS = 40  # from weights of a trillion to weights of 1


def results(
    cell: Cell,
    unroll: Unroll,
    x_TBF: Tensor,
    state: State,
    arithmetic: AbstractContextManager[object] = nullcontext(),  # noqa: B008  it holds nothing
    gradients: bool = True,
) -> Results:
    """The results of a form, its gradients only if wanted; they are those of a sum of outputs with random weights.

    Equal or smoothly changing weights would cancel over a long time, and rounding errors would be all that is left.
    """
    with arithmetic, torch.set_grad_enabled(gradients):
        y_TBH, last = unroll(x_TBF, state)
    found = {"outputs": [y_TBH.detach()], "states": [leaf.detach() for leaf in leaves(last)]}
    if not gradients:
        return found
    draws = torch.Generator().manual_seed(1)
    weight_TBH = torch.randn(y_TBH.shape, generator=draws).to(y_TBH)
    wanted = [x_TBF, *(p for p in cell.parameters() if p.numel() and p.requires_grad)]
    total = (y_TBH * weight_TBH).sum()
    return {**found, "gradients": list(torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True))}


def gap(found: Results, wanted: Results, kind: str, least: float = 1.0) -> float:
    """The largest difference of tensors of one kind, divided by the largest value in them or `least`; NaN where a
    tensor has one.
    """
    pairs = [(_wide(a), _wide(b)) for a, b in zip(found[kind], wanted[kind], strict=True) if a.numel()]
    if not pairs:
        return 0.0
    scale = max(least, *(b.abs().max().item() for _, b in pairs))
    return torch.stack([(a - b).abs().max() for a, b in pairs]).max().item() / scale


def disagreement(
    cell: Cell,
    unroll: Unroll,
    steps: int = PIECE,
    lanes: int = 2,
    precision: str | None = None,
    gradients: bool = True,
) -> tuple[str, float] | None:
    """The kind of result in which `unroll` differs from the loop over `steps` random inputs, and by how much; or None.

    The loop itself carries the first steps of the sequence and, from a state that has lived, the last ones: one piece
    in all. The form carries what is between them, so that the loop costs no more for a long sequence: what a form does
    at some time after its start, it does 16 steps later there.

    `precision` is that of the run, by default that of the cell's weights. Where the cell is chaotic at its weights, so
    that a rounding error grows as large as the difference, or where its numbers overflow, no two ways to compute it
    agree. The largest weights are then halved until they do, or until the difference is more than rounding. The cell
    has its own weights back afterwards.
    """
    like = next(cell.parameters(), torch.empty(0))
    precision = precision or str(like.dtype).removeprefix("torch.")
    generator = torch.Generator().manual_seed(0)
    x_TBF = torch.randn((steps, lanes, cell.input_size), generator=generator).to(like).requires_grad_()
    allowed, nearby_TBF, weights = ALLOWED[precision], x_TBF.detach().clone(), weights_of(cell)
    disturb([nearby_TBF], allowed.rounding, generator)
    autocast = torch.autocast(like.device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()

    def carried(form: Unroll, x_TBF: Tensor) -> Results:
        with torch.random.fork_rng([like.device] if like.is_cuda else []):  # masks of noise are the same each time
            torch.manual_seed(0)
            return results(cell, form, x_TBF, cell.initial_state(lanes, x_TBF), autocast, gradients)

    loop = partial(_by_pieces, cell, unroll)
    with kept(weights):
        for _ in range(_HALVINGS):
            wanted = carried(loop, x_TBF)
            differing = _differing(carried(unroll, x_TBF), wanted, allowed)
            if differing is None:
                return None
            kind, difference = differing
            with kept(weights):
                disturb(weights, allowed.rounding, generator)
                rounding = gap(carried(loop, nearby_TBF.requires_grad_()), wanted, kind, allowed.least)
            if difference > _TIMES * rounding or (isnan(difference) and not isnan(rounding)):  # NaN: numbers overflow
                break
            halve_largest(weights)
    return differing


def _differing(found: Results, wanted: Results, allowed: Allowed) -> tuple[str, float] | None:
    """The first kind of result that differs by more than is allowed, and by how much."""
    gaps = {kind: gap(found, wanted, kind, allowed.least) for kind in wanted}
    return next(((kind, each) for kind, each in gaps.items() if not each <= getattr(allowed, kind)), None)


def _by_pieces(cell: Cell, unroll: Unroll, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
    """The loop over the first and the last steps of a sequence, and the form over those between them."""
    loop, last = partial(unroll_eager, cell), max(_LOOPED, len(x_TBF) - (PIECE - _LOOPED))
    outputs = []
    for piece_TBF, form in ((x_TBF[:_LOOPED], loop), (x_TBF[_LOOPED:last], unroll), (x_TBF[last:], loop)):
        if len(piece_TBF):
            y_TBH, state = form(piece_TBF, state)
            outputs.append(y_TBH)
    return torch.cat(outputs), state


def _wide(tensor: Tensor) -> Tensor:
    """The tensor in double precision, on the CPU: not every device has it."""
    return tensor.cpu().to(torch.complex128 if tensor.is_complex() else torch.float64)
