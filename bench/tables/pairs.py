"""Each cell of an overview against each other: the mean gain, the probability of improvement, the test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import pandas as pd

from bench.printable import printable
from bench.stats.comparison import BySeed, Comparison, compare_all
from bench.stats.improvement import improvement
from bench.stats.interval import Interval
from bench.stats.scale import Scale
from bench.tables.blocks import Block
from bench.tables.fitted import Field
from bench.tables.formats import score_with_interval, three_digits
from bench.tables.overview import SETTING, Overview

ALL = "all tasks"
"""What stands for the task where normalised scores of several are compared."""

_NORMALISED = Scale(direction="max", chance=0.0, solved=1.0)

COLUMNS = (
    "regime budget hardware task metric a b tasks seeds gain gain_low gain_high improvement improvement_low "
    "improvement_high p test verdict"
).split()


def to_frame(found: Sequence[Overview], group: str | None = None) -> pd.DataFrame:
    """A row for each two cells `a` and `b` of each overview: on each task, and where several have normalised scores,
    on all of these together."""
    lines = [{**each.setting, **line} for each in found for line in _lines(each)]
    return pd.DataFrame(lines, columns=[*COLUMNS, *([group] if group else [])])


def _lines(found: Overview) -> Iterator[dict[str, Any]]:
    if len(found.normalised) > 1:
        yield from _over_tasks(found)
    for task in found.tasks:
        scores = found.scores[task]
        pairs = {(a, b): (scores[a], scores[b]) for a, b in combinations(_ordered(found, scores), 2)}
        for (a, b), each in compare_all(pairs, found.scales[task]).items():
            yield _line(task.name, task.metric, a, b, 1, each, each.improvement)


def _over_tasks(found: Overview) -> Iterator[dict[str, Any]]:
    """Pairs over all normalised tasks, by the seeds that both have on a task: a gain for each task and seed. The signs
    of these are flipped, so that the claim is of these tasks, and new seeds."""
    pairs, chances = {}, {}
    for a, b in combinations(found.cells, 2):
        shared = [task for task in found.normalised if a in found.scores[task] and b in found.scores[task]]
        gaps = {task: (found.gaps(task, a), found.gaps(task, b)) for task in shared}
        both = [(task, seed) for task, (first, second) in gaps.items() for seed in first if seed in second]
        if not both:
            continue
        pairs[a, b] = tuple(
            {place: gaps[task][side][seed] for place, (task, seed) in enumerate(both)} for side in (0, 1)
        )
        chances[a, b] = (
            len(shared),
            fmean(improvement([*x.values()], [*y.values()], "max").mean for x, y in gaps.values()),
        )
    for (a, b), each in compare_all(pairs, _NORMALISED).items():  # type: ignore[arg-type]
        tasks, chance = chances[a, b]
        yield _line(ALL, "normalised score", a, b, tasks, each, Interval(chance, math.nan, math.nan, ""))


def _ordered(found: Overview, scores: Mapping[str, BySeed]) -> list[str]:
    return [cell for cell in found.cells if cell in scores]


def _line(task: str, metric: str, a: str, b: str, tasks: int, each: Comparison, chance: Interval) -> dict[str, Any]:
    return {
        "task": task, "metric": metric, "a": a, "b": b, "tasks": tasks, "seeds": min(each.seeds),
        "gain": each.gain.mean, "gain_low": each.gain.low, "gain_high": each.gain.high,
        "improvement": chance.mean, "improvement_low": chance.low, "improvement_high": chance.high,
        "p": each.p, "test": each.test, "verdict": each.words if tasks == 1 else each.verdict,
    }  # fmt: skip


def blocks(frame: pd.DataFrame, group: str | None = None) -> Iterator[Block]:
    """A table for each setting and task."""
    setting = [*([group] if group else []), *SETTING]
    for values, part in frame.groupby([*setting, "task", "metric"], sort=False, dropna=False):
        *of, task, metric = map(str, values)
        rows = part.to_dict("records")
        head = [
            f"{task}: {metric}",
            "; ".join([f"{group} {of[0]}" if group else "", *of[-3:]]).removeprefix("; "),
            f"{len(rows)} pairs at once (Holm), intervals at 95%",
        ]
        wins = [_interval(row, "improvement") for row in rows]
        fields = [
            Field("A", [printable(row["a"]) for row in rows], left=True),
            Field("B", [printable(row["b"]) for row in rows], left=True),
            Field("B - A", [_interval(row, "gain") for row in rows], left=True, folds=False),
            Field("B wins", wins, left=True, spare=1, folds=False),
            Field("p", ["-" if row["test"] == "none" else three_digits(row["p"]) for row in rows]),
            Field("B is", [row["verdict"] for row in rows], left=True),
        ]
        yield Block([*map(printable, head)], fields)


def _interval(row: Mapping[Any, Any], name: str) -> str:
    return score_with_interval(*(row[each] for each in (name, f"{name}_low", f"{name}_high")))


def of_task(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that one picture shows: those over all tasks, or else those of the only one."""
    return frame[frame["task"] == ALL] if ALL in {*frame["task"]} else frame
