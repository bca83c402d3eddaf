"""Checking a cell against all its laws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from bench.checks import cell_extremes, cell_gradients, cell_module, cell_state, cell_time
from bench.checks.law import Law, Verdict, judge
from bench.checks.probe import MakeCell, Probe

LAWS: tuple[Law[Probe], ...] = (
    cell_state.shapes_are_the_contracts,
    cell_time.step_equals_unroll,
    cell_time.kernels_equal_steps,
    cell_extremes.forms_agree_over_130_steps,
    cell_extremes.forms_agree_in_bfloat16,
    cell_time.chunked_with_carry_equals_whole,
    cell_time.causal,
    cell_state.batch_lanes_independent,
    cell_state.fresh_lanes_reset,
    cell_state.input_not_changed_in_place,
    cell_module.no_state_kept_on_the_module,
    cell_module.deterministic,
    cell_gradients.every_parameter_gets_a_finite_gradient,
    cell_gradients.every_row_and_column_gets_a_gradient,
    cell_gradients.gradcheck_in_float64,
    cell_module.state_dict_round_trip,
    cell_module.moves_between_dtypes_and_devices,
    cell_gradients.works_under_torch_func,
    cell_time.handles_one_lane_and_one_step,
    cell_extremes.finite_for_large_inputs,
    cell_extremes.finite_for_zero_inputs,
    cell_time.finite_for_10000_steps,
)
CELL_LAWS = tuple(law.name for law in LAWS)
"""The names of the laws, in the order in which they are checked."""


def check_cell(
    make_cell: MakeCell,
    *,
    expected_failures: Mapping[str, str] | None = None,
    laws: Iterable[str] | None = None,
    input_size: int = 3,
    hidden_size: int = 8,
) -> list[Verdict]:
    """A verdict for each law (or each of `laws`) on the cells that `make_cell(input_size, hidden_size)` builds.

    `expected_failures` maps the laws that the cell breaks for a good reason to the reasons, in addition to the
    attribute of this name on the cell's class. Raises ConfigError for an unknown law. Errors of the cell become failed
    verdicts.
    """
    probe = Probe(make_cell, input_size, hidden_size)
    return judge(LAWS, probe, {**_declared(probe), **(expected_failures or {})}, laws)


def assert_cell(
    make_cell: MakeCell,
    *,
    expected_failures: Mapping[str, str] | None = None,
    laws: Iterable[str] | None = None,
    input_size: int = 3,
    hidden_size: int = 8,
) -> None:
    """`check_cell` for tests: raises AssertionError with a line for each verdict that is not ok (see `Verdict`)."""
    verdicts = check_cell(
        make_cell, expected_failures=expected_failures, laws=laws, input_size=input_size, hidden_size=hidden_size
    )
    wrong = [str(verdict) for verdict in verdicts if not verdict.ok]
    assert not wrong, "\n".join(wrong)


def _declared(probe: Probe) -> Mapping[str, str]:
    """The `expected_failures` of the cell's class; none where it cannot be built: every law then reports that."""
    with torch.random.fork_rng(devices=[]):
        try:
            return getattr(probe.cell(), "expected_failures", {})
        except Exception:
            return {}
