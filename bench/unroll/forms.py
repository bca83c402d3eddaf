"""The forms of a cell over time, by name, each checked against the plain loop of steps.

eager     the cell's step in a Python loop
vendor    torch.nn's fused layer of the same equation, on the same parameters
parallel  the cell's own `unroll` over the whole sequence
auto      vendor where the cell has it, else parallel, else eager
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from bench.api import Cell, GatedCell, Unroll, leaves
from bench.errors import ConfigError
from bench.unroll.eager import unroll_eager
from bench.unroll.vendor import VendorUnroll

Mode = Literal["auto", "eager", "vendor", "parallel"]

_PROBE_T, _PROBE_B = 35, 2
_TOLERANCE = 1e-3  # far above float32 rounding over so few steps, far below the effect of another equation


def choose(cell: Cell, mode: Mode = "auto") -> tuple[str, Unroll]:
    """The name and the unrolling of `cell` under `mode`, after checking that it agrees with the plain loop.

    Call it once the cell is on its device. Raises ConfigError where the cell has no such form, or where the form's
    outputs or gradients differ from the loop's (as when a subclass changed `gates` but kept `vendor`).
    """
    available = forms(cell)
    name = next(n for n in ("vendor", "parallel", "eager") if n in available) if mode == "auto" else mode
    if name not in available:
        have = ", ".join(sorted(available))
        raise ConfigError(f"unroll={name}: {type(cell).__name__} has no such form; it has {have} (or use unroll=auto)")
    unroll = available[name]()
    if name != "eager":
        _hold_to_loop(cell, name, unroll)
    return name, unroll


def forms(cell: Cell) -> dict[str, Callable[[], Unroll]]:
    """All forms of `cell` by name. A call builds the unrolling, for the cell's device and dtype at that moment."""
    found: dict[str, Callable[[], Unroll]] = {"eager": lambda: partial(unroll_eager, cell)}
    if (whole := cell.unroll) is not None:
        found["parallel"] = lambda: whole
    if isinstance(cell, GatedCell) and (layer := cell.vendor()) is not None:
        found["vendor"] = lambda: VendorUnroll(cell, layer)
    return found


def _hold_to_loop(cell: Cell, name: str, unroll: Unroll) -> None:
    """Compare outputs, last states and all gradients of `unroll` with the plain loop's on a small random input."""
    like = next(cell.parameters(), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    x_TBF = torch.randn((_PROBE_T, _PROBE_B, cell.input_size), generator=generator).to(like).requires_grad_()
    found, wanted = (_results(cell, form, x_TBF) for form in (unroll, partial(unroll_eager, cell)))
    for (what, a), (_, b) in zip(found, wanted, strict=True):
        gap = (a - b).abs().max().item()
        if not gap <= _TOLERANCE * max(1.0, b.abs().max().item()):
            raise ConfigError(
                f"unroll={name}: {what} of {type(cell).__name__} differ from its step loop by {gap:.2g}; "
                f"where a subclass changes the equation, change or drop its {name} form too, or use unroll=eager"
            )


def _results(cell: Cell, unroll: Unroll, x_TBF: Tensor) -> list[tuple[str, Tensor]]:
    """The results of a form, by name: outputs, last states, and gradients of a weighted sum of the outputs."""
    y_TBH, last = unroll(x_TBF, cell.initial_state(_PROBE_B, x_TBF))
    weight = torch.linspace(-1, 1, y_TBH.numel(), dtype=y_TBH.dtype, device=y_TBH.device).view_as(y_TBH)
    wanted = [x_TBF, *(p for p in cell.parameters() if p.numel())]
    gradients = torch.autograd.grad((y_TBH * weight).sum(), wanted, allow_unused=True)
    zeros = [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, wanted, strict=True)]
    return [
        ("outputs", y_TBH.detach()),
        *(("states", s.detach()) for s in leaves(last)),
        *(("gradients", g) for g in zeros),
    ]
