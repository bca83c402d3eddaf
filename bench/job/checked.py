"""A chosen cell or task, checked against its laws, with facts for the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import torch

from bench.api import Cell, GatedCell, Metric, TaskSpec, Tokens
from bench.checks import Verdict, check_cell, check_task
from bench.checks.probe import MakeCell, Probe
from bench.checks.task_probe import TaskProbe
from bench.config.catalogue import choices
from bench.config.options import Options
from bench.config.rules import validate
from bench.config.schema import InitConfig
from bench.errors import ConfigError
from bench.job.audit import audit
from bench.job.build import SPLIT, build_task, load_cell
from bench.measure.flops import count_flops
from bench.model.init import draw_cell
from bench.model.sequence import SequenceModel
from bench.results.labels import cell_name

SIZES = (64, 128)
"""The input size and hidden size at which a table counts a cell's parameters and operations."""


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
    source = options.choices["cell"] in choices("cell") and choices("cell")[options.choices["cell"]].source
    facts = {**_facts(make_cell), "unroll": "".join(forms) or "-", "equation": source or "-"}
    return Checked(cell_name(options.choices["cell"], config.cell), verdicts, facts)


def checked_task(options: Options, audited: bool = False) -> Checked:
    """Check the chosen task against the laws of tasks; where it is to be `audited`, train on it, too."""
    config = validate(options.config)
    task = build_task(config.task, config.seeds.split)
    own = {name: value for name, value in config.task.items() if name not in ("target", "_target_")}
    own |= {} if config.seeds.split is None else {SPLIT: config.seeds.split}
    metric = task.spec.metric
    facts = {"metric": f"{metric.name} ({metric.direction})", "chance": f"{metric.chance:.4g}"}
    audits = audit(TaskProbe(type(task), own), config) if audited else []
    return Checked(task.spec.id, [*check_task(type(task), own), *audits], facts)


def _refuse_unfit_start(make_cell: MakeCell) -> None:
    """Raise ConfigError where an option of `init` does not fit the cell; the laws report other errors."""
    try:
        make_cell(*SIZES)
    except ConfigError:
        raise
    except Exception:
        return


def _facts(make_cell: MakeCell) -> dict[str, str]:
    """What a table says of the cell at the table's sizes; nothing where it cannot be built, or drawn anew, at these."""
    try:
        cell = make_cell(*SIZES)
        start = _start(cell)
    except Exception:
        return {}
    return {
        "parameters": f"{sum(p.numel() for p in cell.parameters()):,}",
        "receptive field": str(cell.receptive_field or "all"),
        "block": "is one" if cell.is_block else cell.published_block or "none",
        "start": start,
        **_flops(make_cell),
    }


def _flops(make_cell: MakeCell) -> dict[str, str]:
    """The operations of the cell alone, of products and element by element; nothing where its code fails in a count.

    Its inputs are an embedding's, so that their gradient counts, as it does within a model.
    """
    inputs, hidden = SIZES
    spec = TaskSpec("cell-v1", Tokens(1), 0, "every_step", Metric("none", "", "max", 0.0), "generated", "none needed")
    try:
        counted = count_flops(SequenceModel(spec, make_cell, hidden, embedding=inputs))
    except Exception:
        return {}
    kinds = {"forward": counted.forward, "backward": counted.backward, "streaming": counted.streaming}
    unknown = " + ?" * bool(counted.unknown)
    return {
        f"FLOPs {kind}": f"{each.products:,.0f} + {each.elementwise:,.0f}{unknown}"
        for kind, each in kinds.items()
        if each is not None
    }


def _start(cell: Cell) -> str:
    """How the cell's weights start, compared with the two other starts of `init.start`."""
    if type(cell).start_as_published is not Cell.start_as_published:
        return "own (published: init=published)"
    if not isinstance(cell, GatedCell):
        return "published"
    other = deepcopy(cell)
    with torch.random.fork_rng(devices=[]):
        for draw in (cell.reset_parameters, other.start_as_torch):
            torch.manual_seed(0)
            draw()
    pairs = zip(cell.named_parameters(), other.parameters(), strict=True)
    differing = [name for (name, own), theirs in pairs if not torch.equal(own, theirs)]
    if len(differing) == len([*cell.parameters()]):
        return "published"
    return "torch.nn" + f" but for {', '.join(differing)}" * bool(differing)
