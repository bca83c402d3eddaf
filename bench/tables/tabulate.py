"""The leaderboard as a frame: a row for each (task, cell, training regime, budget, hardware)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from bench.results.row import Row
from bench.stats.interval import Interval, gap_closed, mean_interval
from bench.tables.columns import COLUMNS, Column, Of
from bench.tables.doubts import counted, united
from bench.tables.marks import told_apart


class _Key(NamedTuple):
    """The key of a row: its labels, with the marks that tell them apart."""

    task: str
    cell: str
    bptt: str
    budget: str
    hardware: str


def select(rows: Iterable[Row], ids: Collection[str]) -> list[Row]:
    """The rows of the runs `ids`, for example of one sweep."""
    return [row for row in rows if row.id in ids]


def tabulate(rows: Iterable[Row], columns: Sequence[Column] = COLUMNS) -> pd.DataFrame:
    """The leaderboard with `columns` (`COLUMNS`, and possibly more), sorted by task and hardware, then as `_ranked`.

    Of several attempts at a run, the latest finished one counts; without a finished one, the latest. Interrupted runs
    are left out: the interruption says nothing about the cell. Different data or code under one name are never
    averaged: `bench.tables.marks` tells them apart.
    """
    groups = defaultdict(list)
    for row in told_apart([row for row in rows if row.status != "interrupted"]):
        groups[_Key(row.task, row.cell, row.bptt, row.budget, row.hardware)].append(row)
    lines = [_line(key, _latest(attempts), columns) for key, attempts in groups.items()]
    frame = pd.DataFrame(lines, columns=[column.name for column in columns])
    frame = frame.astype({column.name: column.dtype for column in columns if column.dtype})
    return _ranked(frame)


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in order. Rows of one cell differ in training alone: the best on valid comes first among them, so that
    nothing is chosen on test. Cells are in the order of the score of their first row; rows without a score come last.
    """
    sign = frame["direction"].eq("min").map({True: 1.0, False: -1.0})
    frame = frame.assign(choice=sign * frame["valid"], loss=sign * frame["score"])
    frame = frame.sort_values(["choice", "bptt", "budget"], ignore_index=True)
    cells = ["task", "hardware", "metric", "cell"]
    frame["place"] = frame.groupby(cells)["loss"].transform("first").where(frame["loss"].notna())
    order = ["task", "hardware", "metric", "place", "cell", "choice", "bptt", "budget"]
    return frame.sort_values(order, ignore_index=True).drop(columns=["choice", "loss", "place"])


def _latest(attempts: list[Row]) -> list[Row]:
    """The attempt that counts for each seed: the one that ended last, by its record."""
    latest = {}
    for row in sorted(attempts, key=lambda row: (row.status == "done", row.finished, len(row.id), row.id)):
        latest[row.seed] = row
    return list(latest.values())


def _line(key: _Key, runs: list[Row], columns: Sequence[Column]) -> dict[str, Any]:
    """One row of the table, by column."""
    done = [run for run in runs if run.status == "done"]
    labels = key._asdict()
    scores = _scores(runs, done)
    figure: dict[Of, Callable[[Column], Any]] = {
        "key": lambda column: labels[column.name],
        "score": lambda column: scores[column.name],
        "median": lambda column: median(_known(counted(done, column.name, column.marks), column.name) or [math.nan]),
        "most": lambda column: max(_known(done, column.name), default=None),
        "count": lambda column: sum(run.status == column.name.replace("_", " ") for run in runs),
        "marks": lambda column: united(getattr(run, column.name) for run in counted(done, column.marks, column.name)),
    }
    return {column.name: figure[column.of](column) for column in columns}


def _known(runs: list[Row], name: str) -> list[Any]:
    return [value for run in runs if (value := getattr(run, name)) is not None]


def _scores(runs: list[Row], done: list[Row]) -> dict[str, Any]:
    """The columns about the score; the metric's name, direction and chance are None where every run failed early."""
    split, score = _score(done)
    figures: dict[str, Any] = {
        **dict.fromkeys(("metric", "direction", "chance", "solved", "gap_closed")),
        "score": score.mean,
        "ci_low": score.low,
        "ci_high": score.high,
        "valid": _over_seeds(done, "valid").mean,
        "seeds": len({run.seed for run in done}),
    }
    scored = next((run for run in (*done, *runs) if run.metric is not None), None)
    if scored:
        figures |= {"metric": f"{split}{scored.metric}", "direction": scored.direction}
        figures |= {"chance": scored.chance, "solved": scored.solved}
        if scored.chance is not None and scored.solved is not None:
            figures["gap_closed"] = gap_closed(score.mean, scored.chance, scored.solved)
    return figures


def _score(done: list[Row]) -> tuple[str, Interval]:
    """The mean over seeds and its interval, of the test score; else of the valid score, marked `valid `."""
    test = _over_seeds(done, "test")
    return ("", test) if not math.isnan(test.mean) else ("valid ", _over_seeds(done, "valid"))


def _over_seeds(done: list[Row], split: str) -> Interval:
    """The mean over seeds of the score on `split`, and its interval; NaN where there is none.

    A score that some of the runs lack does not count: the other runs would be a biased choice. Runs of one seed count
    once, by their mean.
    """
    by_seed = defaultdict(list)
    for run in done:
        by_seed[run.seed].append(getattr(run, split))
    if not done or None in (value for values in by_seed.values() for value in values):
        return Interval(math.nan, math.nan, math.nan)
    return mean_interval([mean_interval(values).mean for values in by_seed.values()])
