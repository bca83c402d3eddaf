"""Whether a form of a cell computes what the loop of its steps does: outputs, last states and gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor

from bench.api import Cell, State, Unroll, leaves
from bench.unroll.eager import unroll_eager

Results = dict[str, list[Tensor]]
"""Tensors by what they are: outputs, last states, gradients of the input and the parameters."""

PIECE = 35
"""A length over which a form is compared with the loop alone: odd, and longer than a block of 32."""

_LOOPED = 16  # steps by the loop at the beginning of a longer sequence; at its end it makes the rest of a piece
_TOLERANCE = 1e-3  # far above float32 rounding, far below the effect of another equation or a lost state
_IN_BFLOAT16 = {"outputs": 0.05, "states": 0.05, "gradients": 0.2}
"""The largest `gap` by kind: those of the built-in cells are 0.01, 0.01 and 0.08 at most over up to 1,030 steps, and a
state that is lost changes outputs by their own size.
"""
_ROUNDING = {torch.bfloat16: 2.0**-8, torch.float32: 1e-6, torch.float64: 1e-14}
_FEWEST = 16
_TIMES = 4  # an error may be as many times that of a rounding error


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
    precision: torch.dtype | None = None,
    gradients: bool = True,
) -> tuple[str, float] | None:
    """The kind of result in which `unroll` differs from the loop over `steps` random inputs, and by how much; or None.

    The loop itself carries the first steps of the sequence and, from a state that has lived, the last ones: one piece
    in all. The form carries what is between them, so that the loop costs no more for a long sequence: what a form does
    at some time after its start, it does 16 steps later there. Where rounding errors grow as large as the difference
    (as in a chaotic cell), fewer steps decide.

    `precision` is bfloat16 where a run computes in it by autocast.
    """
    like = next(cell.parameters(), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    x_TBF = torch.randn((steps, lanes, cell.input_size), generator=generator).to(like).requires_grad_()
    dtype = precision or like.dtype
    least = 1e-3 if dtype is torch.bfloat16 else 1.0

    def carried(form: Unroll, x_TBF: Tensor) -> Results:
        bfloat16 = torch.autocast(like.device.type, torch.bfloat16) if dtype is torch.bfloat16 else nullcontext()
        return results(cell, form, x_TBF, cell.initial_state(lanes, x_TBF), bfloat16, gradients)

    pieces = partial(_by_pieces, cell, unroll)
    found, wanted = carried(unroll, x_TBF), carried(pieces, x_TBF)
    for kind in wanted:
        difference = gap(found, wanted, kind, least)
        if not difference <= (_IN_BFLOAT16[kind] if dtype is torch.bfloat16 else _TOLERANCE):
            disturbed = carried(pieces, (x_TBF.detach() * (1 + _ROUNDING[dtype])).requires_grad_())
            if steps >= _FEWEST and difference <= _TIMES * gap(disturbed, wanted, kind, least):
                return disagreement(cell, unroll, steps // 4, lanes, precision, gradients)
            return kind, difference
    return None


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
