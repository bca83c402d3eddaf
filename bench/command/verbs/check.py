"""`bench check`: the verdicts of all laws on one cell or task, or a table over several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch

from bench.checks import cells, tasks
from bench.checks.law import Verdict
from bench.checks.probe import MakeCell, Probe
from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.config.options import Options
from bench.config.rules import validate
from bench.errors import BenchError, ConfigError, did_you_mean
from bench.job.build import build_task, load_cell
from bench.results.labels import cell_name

USAGE = """\
Usage: python -m bench check cell=NAME [cell.OPTION=VALUE ...]   all laws on one cell, a line each
       python -m bench check cell=custom cell.target=mine.py:Mine [+cell.OPTION=VALUE ...]
       python -m bench check [cell=all | cell=NAME,NAME ...]     a table of the built-in cells, or of some
       python -m bench check task=...                            the same for tasks

model.hidden=N sets the hidden size at which a cell is checked (8); --markdown prints the table as Markdown.
Exit code 0: every law holds, or fails as its cell or task expects; 1: not so; 2: the command was wrong.
"""

_TABLE_SIZES = (64, 128)


@dataclass(frozen=True)
class Checked:
    """The verdicts on one choice of a group, and what a table says of it besides: texts by column."""

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


def run(arguments: list[str]) -> int:
    """Check what `arguments` name and print the verdicts; 1 where one is not as it should be, else 0.

    Raises ConfigError in one line for a wrong command, as a run does.
    """
    if {"-h", "--help"} & {*arguments}:
        print(USAGE)
        statements = {law.name: law.statement for law in cells.LAWS} | {law.name: law.statement for law in tasks.LAWS}
        for name, statement in statements.items():
            print(f"{name}: {' '.join(statement.split())}")
        return 0
    torch.set_num_threads(1)  # as a run does; for tensors this small more are slower
    group, names, options = _subjects([argument for argument in arguments if argument != "--markdown"])
    if len(names) == 1:
        checked = _check(group, names[0], options)
        _print_verdicts(checked)
        return int(not checked.ok)
    return _print_table(group, names, options, markdown="--markdown" in arguments)


def _subjects(arguments: list[str]) -> tuple[str, list[str], list[str]]:
    """The group to check, the names in it, and the options of each."""
    given = {argument.lstrip("+").partition("=")[0].partition(".")[0] for argument in arguments}
    group = next((name for name in _GROUPS if name in given), "cell")
    names, options = ["all"], []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if equals and key == group:
            names = value.split(",")
        elif equals and (key.lstrip("+").startswith(f"{group}.") or (group, key) == ("cell", "model.hidden")):
            options.append(argument)
        else:
            known = [f"{group}=NAME", f"{group}.OPTION=VALUE", *["model.hidden=N"] * (group == "cell"), "--markdown"]
            raise ConfigError(f"{argument}: bench check takes {', '.join(known)}{did_you_mean(argument, known)}")
    if names == ["all"]:
        names = [name for name, choice in choices(group).items() if choice.package.name == "bench" and name != "custom"]
    return group, names, options


def _check(group: str, name: str, options: list[str]) -> Checked:
    """Compose as a run does, and check what comes of it."""
    return _GROUPS[group].check(compose([f"{group}={name}", *options]), options)


def _check_cell(composed: Options, options: list[str]) -> Checked:
    config = validate(composed.config)
    cell_class, cell_options = load_cell(config.cell)
    make_cell = partial(cell_class, **cell_options)
    is_sized = any(option.startswith("model.hidden=") for option in options)
    verdicts = cells.check_cell(make_cell, hidden_size=config.model.hidden if is_sized else Probe.hidden_size)
    forms = [v.message for v in verdicts if v.law == "step equals unroll" and v.outcome == "passed"]
    facts = {**_facts(make_cell), "unroll": "".join(forms) or "-"}
    return Checked(cell_name(composed.choices["cell"], config.cell), verdicts, facts)


def _facts(make_cell: MakeCell) -> dict[str, str]:
    """Parameters, and how many inputs an output can depend on, of the cell at the table's sizes; dashes where it cannot
    be built at these.
    """
    try:
        cell = make_cell(*_TABLE_SIZES)
    except Exception:
        return {"parameters": "-", "receptive field": "-"}
    parameters = sum(p.numel() for p in cell.parameters())
    return {"parameters": f"{parameters:,}", "receptive field": str(cell.receptive_field or "all")}


def _check_task(composed: Options, _: list[str]) -> Checked:
    config = validate(composed.config)
    task = build_task(config.task)
    options = {name: value for name, value in config.task.items() if name not in ("target", "_target_")}
    metric = task.spec.metric
    facts = {"metric": f"{metric.name} ({metric.direction})", "chance": f"{metric.chance:.4g}"}
    return Checked(task.spec.id, tasks.check_task(type(task), options), facts)


@dataclass(frozen=True)
class _Group:
    """How a group's choices are checked, and its table: the columns with their widths, and a note below."""

    check: Callable[[Options, list[str]], Checked]
    columns: Mapping[str, int]
    note: str = ""


_GROUPS = {
    "cell": _Group(
        _check_cell,
        {"parameters": 11, "unroll": 17, "receptive field": 15, "laws": 8},
        "Parameters at input size {} and hidden size {}.".format(*_TABLE_SIZES),
    ),
    "task": _Group(_check_task, {"metric": 24, "chance": 8, "laws": 8}),
}


def _print_verdicts(checked: Checked) -> None:
    print(checked.name)
    for verdict in checked.verdicts:
        print(f"  {verdict.outcome:<21}{verdict.law}{': ' * bool(verdict.message)}{verdict.message}")
    if (field := checked.facts.get("receptive field", "all")) != "all":
        print(f"receptive field: {field} inputs")
    print(f"laws that hold: {checked.count}")


def _print_table(group: str, names: list[str], options: list[str], markdown: bool) -> int:
    """A row as soon as a name is checked; below them what went wrong. One that cannot be composed spoils no other."""
    widths = {group: max(map(len, names)), **_GROUPS[group].columns}
    start, between, end = ("| ", " | ", " |") if markdown else ("", "  ", "")

    def print_row(texts: Mapping[str, str]) -> None:
        line = between.join(texts.get(column, "-").ljust(width) for column, width in widths.items())
        print((start + line + end).rstrip(), flush=True)

    print_row({column: column for column in widths})
    if markdown:
        print_row({column: "-" * width for column, width in widths.items()})
    wrong = []
    for name in names:
        try:
            checked = _check(group, name, options)
        except BenchError as error:
            checked = Checked(name, [Verdict("it can be built", "failed", str(error))])
        print_row({group: name, **checked.facts, "laws": checked.count})
        wrong += [f"{name}: {verdict}" for verdict in checked.verdicts if not verdict.ok]
    for line in filter(None, (_GROUPS[group].note, *wrong)):
        print(f"\n{line}")
    return int(bool(wrong))
