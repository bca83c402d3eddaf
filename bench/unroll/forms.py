"""The forms of a cell over time, by name, each checked against the plain loop of steps.

eager     the cell's step in a Python loop
vendor    torch.nn's fused layer of the same equation, on the same parameters
parallel  the cell's own `unroll` over the whole sequence
kernels   C++ generated from the cell's step, on a CPU; the loop where a cell or a machine has none
auto      vendor where the cell has it, else parallel, else eager; and eager where the fast form differs from it
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from bench.api import Cell, GatedCell, Unroll
from bench.errors import ConfigError
from bench.unroll.agreement import PIECE, disagreement
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import CannotGenerate, KernelUnroll
from bench.unroll.vendor import VendorUnroll

Mode = Literal["auto", "eager", "vendor", "parallel", "kernels"]

_LONGEST, _WITH_GRADIENTS = 1030, 130  # time steps of the comparison at most: longer than a block of 1024, or of 128


class Form(NamedTuple):
    """The form that a cell is unrolled in."""

    name: str
    unroll: Unroll
    refused: str | None = None
    """Why it is the loop, and not the faster form that `auto` takes or the kernels that were asked for, in a line."""


def choose(cell: Cell, mode: Mode = "auto", steps: int = PIECE, precision: str | None = None) -> Form:
    """The form of `cell` under `mode`, after checking that it agrees with the plain loop.

    It is compared over the `steps` of a run's sequences, in the `precision` of the run, by default that of the weights;
    over 0 steps, not at all. A form that differs is none that `auto` takes: it takes the loop.

    Call it once the cell is on its device. Raises ConfigError where the cell has no such form, or where the outputs or
    gradients of a form that was asked for by name differ from the loop's (as when a subclass changed `gates` but kept
    `vendor`).
    """
    available = forms(cell)
    name = next(n for n in ("vendor", "parallel", "eager") if n in available) if mode == "auto" else mode
    if name == "kernels":
        available[name] = partial(KernelUnroll, cell)
    if name not in available:
        have = ", ".join(sorted(available))
        raise ConfigError(f"unroll={name}: {type(cell).__name__} has no such form; it has {have} (or use unroll=auto)")
    try:
        unroll = available[name]()
    except CannotGenerate as error:
        return Form("eager", available["eager"](), f"unroll={name} takes the loop of steps: {error}")
    if name == "eager" or not steps or (wrong := _wrong(cell, name, unroll, steps, precision)) is None:
        return Form(name, unroll)
    if mode == "auto":
        return Form("eager", available["eager"](), f"unroll=auto takes the loop of steps, and not {name}: {wrong}")
    raise ConfigError(f"unroll={name}: {wrong}, or use unroll=eager")


def forms(cell: Cell) -> dict[str, Callable[[], Unroll]]:
    """The cell's own forms by name: those that can differ from its step.

    A call builds the unrolling, for the cell's device and dtype at that moment.
    """
    found: dict[str, Callable[[], Unroll]] = {"eager": lambda: partial(unroll_eager, cell)}
    if (whole := cell.unroll) is not None:
        found["parallel"] = lambda: whole
    if isinstance(cell, GatedCell) and (layer := cell.vendor()) is not None:
        found["vendor"] = lambda: VendorUnroll(cell, layer)
    return found


def _wrong(cell: Cell, name: str, unroll: Unroll, steps: int, precision: str | None) -> str | None:
    """What is wrong with a form that differs from the plain loop, or None. They are compared over so many steps, within
    limits, of which those for gradients are narrower, since a run's start is not to wait for them.
    """
    try:
        found = disagreement(cell, unroll, min(max(steps, PIECE), _WITH_GRADIENTS), precision=precision)
        if steps > _WITH_GRADIENTS and not found:
            found = disagreement(cell, unroll, min(steps, _LONGEST), precision=precision, gradients=False)
    except Exception as error:
        said = str(error).partition("\n")[0]
        return (
            f"{type(cell).__name__} does not go through {steps} steps in this form: "
            f"{type(error).__name__}: {said}; mend its {name} form or its step"
        )
    if found is None:
        return None
    what, gap = found
    return (
        f"{what} of {type(cell).__name__} differ from its step loop by {gap:.2g}; "
        f"where a subclass changes the equation, change or drop its {name} form too"
    )
