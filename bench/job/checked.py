"""A chosen cell or task, checked against its laws, with facts for the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from bench.checks import Verdict, check_cell, check_task
from bench.checks.probe import MakeCell, Probe
from bench.config.options import Options
from bench.config.rules import validate
from bench.config.schema import InitConfig
from bench.errors import ConfigError
from bench.job.build import build_task, load_cell
from bench.model.init import draw_cell
from bench.results.labels import cell_name

SIZES = (64, 128)
"""The input size and hidden size at which a table counts a cell's parameters."""


@dataclass(frozen=True)
class Checked:
    """The verdicts on one cell or task, and facts about it: texts by their column in a table."""

    name: str
    verdicts: list[Verdict]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def count(self) -> str:
        """How many laws hold, as in `15 of 16 (1 fails as expected)`."""
        held, expected = (sum(v.outcome == o for v in self.verdicts) for o in ("passed", "expected failure"))
        failing = f" ({expected} fail{'s' * (expected == 1)} as expected)" * bool(expected)
        return f"{held} of {len(self.verdicts)}{failing}"


def checked_cell(options: Options, sized: bool = False) -> Checked:
    """Check the chosen cell against the laws of cells, with 8 units, or where `sized` with `model.hidden` units."""
    config = validate(options.config)
    cell_class, cell_options = load_cell(config.cell)
    make_cell = partial(draw_cell, config.init, cell_class, cell_options)
    if config.init != InitConfig():
        _refuse_unfit_start(make_cell)
    verdicts = check_cell(make_cell, hidden_size=config.model.hidden if sized else Probe.hidden_size)
    forms = [v.message for v in verdicts if v.law == "step equals unroll" and v.outcome == "passed"]
    facts = {**_facts(make_cell), "unroll": "".join(forms) or "-"}
    return Checked(cell_name(options.choices["cell"], config.cell), verdicts, facts)


def checked_task(options: Options) -> Checked:
    """Check the chosen task against the laws of tasks."""
    config = validate(options.config)
    task = build_task(config.task)
    own = {name: value for name, value in config.task.items() if name not in ("target", "_target_")}
    metric = task.spec.metric
    facts = {"metric": f"{metric.name} ({metric.direction})", "chance": f"{metric.chance:.4g}"}
    return Checked(task.spec.id, check_task(type(task), own), facts)


def _refuse_unfit_start(make_cell: MakeCell) -> None:
    """Raise ConfigError where an option of `init` does not fit the cell; the laws report other errors."""
    try:
        make_cell(*SIZES)
    except ConfigError:
        raise
    except Exception:
        return


def _facts(make_cell: MakeCell) -> dict[str, str]:
    """Parameters and receptive field of the cell at the table's sizes; dashes where it cannot be built at these."""
    try:
        cell = make_cell(*SIZES)
    except Exception:
        return {"parameters": "-", "receptive field": "-"}
    parameters = sum(p.numel() for p in cell.parameters())
    return {"parameters": f"{parameters:,}", "receptive field": str(cell.receptive_field or "all")}
