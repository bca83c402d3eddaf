"""The quick check of a cell before a run: the laws that a few steps can test, in milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.api import Cell
from bench.checks import cell_extremes, cell_module, cell_state, cell_time
from bench.checks.compare import must_fit
from bench.checks.contents import contents, must_be_unchanged
from bench.checks.law import Broken, Law, refusal
from bench.checks.probe import Probe

_STEPS, _LANES = 10, 2


def quick_check(cell: Cell, zoneout: bool = False) -> None:
    """Run `cell` on the CPU for ten steps, and where the run has `zoneout` for some more with it; ConfigError names
    law, place and remedy where they break a law that the cell does not expect to break.
    """
    x_TBF = torch.randn(_STEPS, _LANES, cell.input_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for law, check in (*_CHECKS, _WITH_ZONEOUT) if zoneout else _CHECKS:
            if law.name not in cell.expected_failures:
                try:
                    check(cell, x_TBF)
                except Exception as error:
                    raise refusal(f"cell {type(cell).__name__}", law, error, "cell") from error


def _shapes(cell: Cell, x_TBF: Tensor) -> None:
    initial = cell.initial_state(_LANES, x_TBF)
    cell_state.must_have_lanes_first(initial, _LANES)
    must_fit(cell.step(x_TBF[0].clone(), initial), [_LANES, cell.hidden_size], initial, "step")


def _arguments(cell: Cell, x_TBF: Tensor) -> None:
    initial = cell.initial_state(_LANES, x_TBF)
    cell_state.must_leave_alone(cell.step, x_TBF[0], initial, "step")


def _module(cell: Cell, x_TBF: Tensor) -> None:
    before = contents(cell)
    cell.step(x_TBF[0], cell.initial_state(_LANES, x_TBF))
    must_be_unchanged(before, contents(cell), "step")


def _values(cell: Cell, x_TBF: Tensor) -> None:
    state = cell.initial_state(_LANES, x_TBF)
    for time, x_BF in enumerate(x_TBF):
        y_BH, state = cell.step(x_BF, state)
        if not y_BH.isfinite().all():
            raise Broken(f"step: the output is not finite from time {time} on")


_CHECKS: tuple[tuple[Law[Probe], Callable[[Cell, Tensor], None]], ...] = (
    (cell_state.shapes_are_the_contracts, _shapes),
    (cell_state.input_not_changed_in_place, _arguments),
    (cell_module.no_state_kept_on_the_module, _module),
    (cell_time.finite_for_10000_steps, _values),
)
_WITH_ZONEOUT: tuple[Law[Probe], Callable[[Cell, Tensor], None]] = (
    cell_extremes.finite_for_large_inputs,
    lambda cell, x_TBF: cell_extremes.must_bear_zoneout(cell),
)
