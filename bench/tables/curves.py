"""Learning curves of several runs: those of one row of the leaderboard are a line, and those of one task a panel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bench.config.tree import written
from bench.results.figures import Scores
from bench.results.record import Record
from bench.results.row import Row
from bench.tables.marks import told_apart
from bench.tables.seeds import latest

KEY = ("task", "cell", "bptt", "budget", "hardware")
"""The labels that runs of one line share, as those of one row of the leaderboard do."""


@dataclass(frozen=True)
class Run:
    """A stored run with its learning curve, which has no rows where the run ended before its first validation."""

    record: Record
    curve: pd.DataFrame

    @property
    def done(self) -> bool:
        return self.record.status == "done"


@dataclass(frozen=True)
class Line:
    """The runs of one row of the leaderboard, a seed each, and what tells them from the other lines of the panel."""

    label: str
    runs: list[Run]
    rows: list[Row]


@dataclass(frozen=True)
class Panel:
    """The lines of one task, which have one metric."""

    title: str
    metric: Scores
    lines: list[Line] = field(default_factory=list)

    @property
    def column(self) -> str:
        """The column of curves with the metric on valid."""
        return f"valid_{self.metric['name']}"

    @property
    def chance(self) -> float | None:
        """What a predictor that ignores its input gets; None where that is unknown, or not the same for all lines."""
        found = {row.chance for line in self.lines for row in line.rows}
        return found.pop() if len(found) == 1 else None


def panels(runs: Sequence[Run], apart: Collection[str] = ()) -> list[Panel]:
    """The panels of `runs` in the order of their first runs, without runs that ended before their metric was known.

    Tasks are told apart by name and metric, and also by the labels `apart`. Of several attempts with one seed the
    latest is taken, as in tables.
    """
    known = [run for run in runs if run.record.metric is not None]
    rows = told_apart([Row.of(run.record, 0) for run in known])
    groups: dict[tuple[Any, ...], list[tuple[Run, Row]]] = {}
    for run, row in zip(known, rows, strict=True):
        task = (run.record.task, row.metric, *(getattr(row, label) for label in apart))
        groups.setdefault(task, []).append((run, row))
    return [_panel(members, apart) for members in groups.values()]


def _panel(members: list[tuple[Run, Row]], apart: Collection[str]) -> Panel:
    lines: dict[tuple[str, ...], list[Row]] = {}
    run_of = {row.id: run for run, row in members}
    for _, row in members:
        lines.setdefault(tuple(getattr(row, label) for label in KEY), []).append(row)
    kept = [latest(rows) for rows in lines.values()]
    labels = _labels([run_of[rows[0].id].record for rows in kept], list(lines))
    first, row = members[0]
    tasks = {row.task for _, row in members}
    title = "\n".join([row.task if len(tasks) == 1 else first.record.task, *(getattr(row, label) for label in apart)])
    made = [Line(label, [run_of[row.id] for row in rows], rows) for label, rows in zip(labels, kept, strict=True)]
    assert first.record.metric is not None
    return Panel(title, first.record.metric, made)


def _labels(records: Sequence[Record], keys: Sequence[tuple[str, ...]]) -> list[str]:
    """What tells each line from the others: the options in which they differ, and else the labels of their rows."""
    options = dict.fromkeys(["cell", *(option for record in records for option in record.changed)])
    columns = {option: [_value(record, option) for record in records] for option in options}
    texts = {
        option: column if option == "cell" else [f"{option}={value}" for value in column]
        for option, column in columns.items()
        if len(set(column)) > 1
    }
    labels = [", ".join(parts) for parts in zip(*texts.values(), strict=True)] if texts else [""] * len(records)
    for column in zip(*keys, strict=True):
        if len(set(labels)) < len(labels) and len(set(column)) > 1:  # other code, data or hardware
            labels = [", ".join(filter(None, parts)) for parts in zip(labels, column, strict=True)]
    return labels if len(records) > 1 else [records[0].labels["cell"]]


def _value(record: Record, option: str) -> str:
    """An option's value in a run, as one would type it; a group's choice is known only where it was changed."""
    found: Any = record.cell if option == "cell" else record.config
    for key in option.split(".") if option != "cell" else ():
        found = found.get(key) if isinstance(found, dict) else None
    return written(record.changed.get(option, "default") if isinstance(found, dict) else found)


def course(runs: Sequence[Run], x: str, y: str) -> pd.DataFrame:
    """The mean of column `y` over the runs, the lowest and the highest, at each value of `x` that all of them reach.

    Where they were validated at other values of `x`, each curve is interpolated linearly.
    """
    points = [run.curve[[x, y]].dropna().drop_duplicates(x) for run in runs if {x, y} <= {*run.curve}]
    points = [each for each in points if len(each)]
    if not points:
        return pd.DataFrame({"x": [], "mean": [], "low": [], "high": []})
    xs = np.unique(np.concatenate([each[x].to_numpy() for each in points]))
    begin, end = max(each[x].min() for each in points), min(each[x].max() for each in points)
    xs = xs[(begin <= xs) & (xs <= end)]
    ys = np.array([np.interp(xs, each[x], each[y]) for each in points])
    return pd.DataFrame({"x": xs, "mean": ys.mean(0), "low": ys.min(0), "high": ys.max(0)})
