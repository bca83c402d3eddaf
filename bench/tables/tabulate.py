"""The leaderboard as a frame: a row for each (task, cell, training regime, budget, hardware)."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from bench.results.draws import Draws
from bench.results.row import Row
from bench.stats.crossed import mean_of_runs
from bench.stats.interval import EVERYTHING, Interval
from bench.stats.proportion import proportion
from bench.stats.scale import Scale, gap_closed
from bench.stats.survival import half_by
from bench.tables.columns import BEHIND, COLUMNS, Column, Of
from bench.tables.doubts import counted, united
from bench.tables.marks import told_apart
from bench.tables.seeds import FEW, by_seed, latest, of_one_metric, over_draws, scored

_MARKED = {column.name: column.marks for column in COLUMNS if column.of == "marks"}
"""The figure that each column of marks is on; others follow from it."""


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
    averaged: `bench.tables.marks` tells them apart. Nor are scores in several metrics: each has a row.
    """
    groups = defaultdict(list)
    for row in told_apart([row for row in rows if row.status != "interrupted"]):
        groups[_Key(row.task, row.cell, row.bptt, row.budget, row.hardware)].append(row)
    lines = [_line(key, latest(attempts), columns) for key, runs in groups.items() for attempts in of_one_metric(runs)]
    frame = pd.DataFrame(lines, columns=[column.name for column in columns])
    frame = frame.astype({column.name: column.dtype for column in columns if column.dtype})
    return _ranked(_on_their_tasks_split(frame))


def _on_their_tasks_split(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows, of which those without a score, whose metric does not say on what split, have that of those with one in
    the same metric: where a task has no test split, the one on valid."""
    metrics = frame[["task", "direction", "metric"]]
    scored = {*metrics[frame["score"].notna()].itertuples(index=False, name=None)}
    named = []
    for task, direction, metric in metrics.itertuples(index=False, name=None):
        on_valid = f"valid {metric}"
        only_there = (task, direction, metric) not in scored and (task, direction, on_valid) in scored
        named.append(on_valid if only_there else metric)
    return frame.assign(metric=pd.Series(named, frame.index, frame["metric"].dtype))


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


def _line(key: _Key, runs: list[Row], columns: Sequence[Column]) -> dict[str, Any]:
    """One row of the table, by column."""
    done = [run for run in runs if run.status == "done"]
    labels = key._asdict()
    chosen = str(runs[0].chosen or "default")  # all have it in their label
    scores, reached = {**_scores(runs, done), "chosen": chosen}, _reached(runs)
    figure: dict[Of, Callable[[Column], Any]] = {
        "key": lambda column: labels[column.name],
        "score": lambda column: scores[column.name],
        "median": lambda column: median(_known(_counted(done, column), column.name) or [math.nan]),
        "most": lambda column: max(_known(done, column.name), default=None),
        "target": lambda column: reached[column.name],
        "count": lambda column: sum(run.status == column.name.replace("_", " ") for run in runs),
        "marks": lambda column: united(getattr(run, column.name) for run in counted(done, column.marks, column.name)),
    }
    return {column.name: figure[column.of](column) for column in columns}


def _counted(done: list[Row], column: Column) -> list[Row]:
    """The runs whose figure counts: those of which the figure that the column's marks are on does."""
    return counted(done, _MARKED.get(column.marks, column.name), column.marks)


def _known(runs: list[Row], name: str) -> list[Any]:
    return [value for run in runs if (value := getattr(run, name)) is not None]


def _scores(runs: list[Row], done: list[Row]) -> dict[str, Any]:
    """The columns about the score; those that take a metric are None where every run failed before it was known."""
    known = next((run for run in (*done, *runs) if run.scale is not None), None)
    scale = known.scale if known else None
    split, scores = scored(done)
    mean = _mean(scores, scale)
    figures: dict[str, Any] = {
        **dict.fromkeys(column.name for column in (*COLUMNS, *BEHIND) if column.of == "score"),
        "score": mean.mean,
        "ci_low": mean.low,
        "ci_high": mean.high,
        "interval": mean.method or None,
        "valid": _mean(over_draws(done, "valid"), scale).mean,
        "seeds": len({run.draws for run in done}),
        "by_seed": json.dumps(by_seed(scores)),
        "run": min(run.id for run in done or runs),
    }
    if known and scale:
        figures |= dict(zip(("lowest", "highest"), scale.range, strict=True))
        figures |= {"metric": f"{split}{known.metric}", "direction": scale.direction}
        figures |= {"chance": scale.chance, "solved": scale.solved, "target": scale.goal}
        if scale.chance is not None and scale.solved is not None:
            figures["gap_closed"] = gap_closed(mean.mean, scale.chance, scale.solved)
    if scores and scale:
        figures |= _spread(scores, scale)
    return figures


def tried_for_target(runs: Iterable[Row]) -> list[Row]:
    """The runs that tell whether the target on valid is reached, in time. One that diverged does: it will not get
    there. One that failed or ran out of memory says nothing of it."""
    return [run for run in runs if run.status in ("done", "diverged") and run.target_reached is not None]


def _reached(runs: list[Row]) -> dict[str, float]:
    """The columns about the target on valid: how many runs reached it and how many never did, and by when half had."""
    tried = tried_for_target(runs)
    reached = sum(bool(run.target_reached) for run in tried)
    figures: dict[str, float] = {"reached": reached, "unreached": len(tried) - reached}
    for name in ("target_steps", "target_tokens", "target_seconds", "target_flops"):
        times = [getattr(run, name) if run.target_reached else math.inf for run in tried]
        figures[name] = math.nan if None in times else half_by(times)
    return figures


def _spread(scores: Mapping[Draws, float], scale: Scale) -> dict[str, Any]:
    """The columns about single seeds: how many solve the task, and where the others are."""
    values = [*scores.values()]
    figures: dict[str, Any] = {"score_median": median(values), "score_min": min(values), "score_max": max(values)}
    if 1 < len(values) <= FEW:
        figures["seed_scores"] = " ".join(map(repr, values))
    if scale.goal is not None:
        solved = sum(map(scale.solves, values))
        share = proportion(solved, len(values))
        figures |= {"solved_seeds": solved, "solved_low": share.low, "solved_high": share.high}
    return figures


def _mean(scores: Mapping[Draws, float], scale: Scale | None) -> Interval:
    """The mean over seeds with its interval in the range of the metric; NaN where there is none."""
    if not scores:
        return Interval(math.nan, math.nan, math.nan, "")
    return mean_of_runs(scores, within=scale.range if scale else EVERYTHING)
