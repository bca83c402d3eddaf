"""The forms of a cell over time, by name, each checked against the plain loop of steps.

eager     the cell's step in a Python loop
vendor    torch.nn's fused layer of the same equation, on the same parameters
parallel  the cell's own `unroll` over the whole sequence
kernels   C++ or CUDA generated from the cell's step; the loop where a cell or a machine has none
auto      kernels where they pay (`bench.unroll.rule`) and there are any, else vendor, else parallel, else eager; and
          eager where the fast form differs from it
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch

from bench.api import Cell, GatedCell, Unroll
from bench.errors import ConfigError
from bench.kernels.step import Cannot
from bench.unroll.agreement import PIECE, disagreement
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import CannotGenerate, KernelUnroll
from bench.unroll.rule import against_kernels
from bench.unroll.vendor import VendorUnroll

Mode = Literal["auto", "eager", "vendor", "parallel", "kernels"]

_LONGEST, _WITH_GRADIENTS = 1030, 130  # time steps of the comparison at most: longer than a block of 1024, or of 128


class Form(NamedTuple):
    """The form that cells are unrolled in, the same for all of them."""

    name: str
    unrolls: list[Unroll]
    """One for each cell, in their order."""
    refused: str | None = None
    """Why it is not the faster form that there could be, or the kernels that were asked for, in a line."""
    told: bool = False
    """Whether to tell a user so: not where the rule of `auto` says it, nor where a cell has no kernels but a form of
    its own."""

    @property
    def unroll(self) -> Unroll:
        """That of the first cell."""
        return self.unrolls[0]


class Differs(Exception):
    """In what a form differs from the loop of steps."""


def choose(
    cells: Cell | Sequence[Cell],
    mode: Mode = "auto",
    steps: int = PIECE,
    precision: str | None = None,
    trained: float = 0,
) -> Form:
    """The form of a cell, or of several of one kind, under `mode`, after checking that it agrees with the plain loop.

    It is compared over the `steps` of a run's sequences, in the `precision` of the run, by default that of the weights;
    over 0 steps, not at all. A form that differs is none that `auto` takes. `trained` is the number of time steps that
    the cells are to be trained over, for the rule of `auto`.

    Call it once the cells are on their device. Raises ConfigError where a cell has no such form, or where the outputs
    or gradients of a form that was asked for by name differ from the loop's (as when a subclass changed `gates` but
    kept `vendor`).
    """
    cells = [cells] if isinstance(cells, Cell) else list(cells)
    precision = precision or _precision(cells[0])

    def unrolls(name: str) -> list[Unroll]:
        return [_checked(cell, name, steps, precision) for cell in cells]

    if mode == "auto":
        return _fastest(cells[0], unrolls, precision, trained)
    try:
        return Form(mode, unrolls(mode))
    except CannotGenerate as error:
        return Form("eager", unrolls("eager"), f"unroll={mode} takes the loop of steps: {error}", told=True)
    except Differs as error:
        raise ConfigError(f"unroll={mode}: {error}, or use unroll=eager") from error


def over_symbols(unroll: Unroll, steps: int = PIECE) -> KernelUnroll | None:
    """A form that goes over symbols by their rows of a table, and computes what the loop does over vectors; or None.

    With 0 `steps` it is not compared.
    """
    if not isinstance(unroll, KernelUnroll) or not unroll.takes_symbols:
        return None
    return unroll if not steps or disagreement(unroll.cell, unroll.of_rows) is None else None


def _fastest(cell: Cell, unrolls: Callable[[str], list[Unroll]], precision: str, trained: float) -> Form:
    """The first form that cells like this one can take, from the fastest on, and why those before it are not taken."""
    available = forms(cell)
    names = ["kernels", *[name for name in ("vendor", "parallel") if name in available][:1], "eager"]
    against, told = {}, False
    if ruled := against_kernels(cell, precision, trained):
        against[names.pop(0)] = ruled
    for name in names:
        try:
            found = unrolls(name)
            break
        except (CannotGenerate, Differs) as error:
            against = {name: str(error), **against}
            told = told or not (isinstance(error.__cause__, Cannot) and "parallel" in names)
    taken = "the loop of steps" if name == "eager" else name
    why = ", nor ".join(f"{form}: {reason}" for form, reason in against.items())
    return Form(name, found, f"unroll=auto takes {taken}, and not {why}" if why else None, told)


def _precision(cell: Cell) -> str:
    """That of the cell's weights."""
    return str(next(cell.parameters(), torch.empty(0)).dtype).removeprefix("torch.")


def _checked(cell: Cell, name: str, steps: int, precision: str) -> Unroll:
    """The unrolling of a cell by this form. Raises ConfigError where the cell has no such form, CannotGenerate where it
    has no kernels, and Differs where the form is not what the loop is.
    """
    available = forms(cell) | {"kernels": partial(KernelUnroll, cell)}
    if name not in available:
        have = ", ".join(sorted(forms(cell)))
        raise ConfigError(f"unroll={name}: {type(cell).__name__} has no such form; it has {have} (or use unroll=auto)")
    unroll = available[name]()
    if name != "eager" and steps and (wrong := _wrong(cell, name, unroll, steps, precision)):
        raise Differs(wrong)
    return unroll


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


def _wrong(cell: Cell, name: str, unroll: Unroll, steps: int, precision: str) -> str | None:
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
