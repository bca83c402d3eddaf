"""Cells by tasks: ranks, normalised scores and Pareto fronts, of one regime, budget and hardware at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import pandas as pd

from bench.stats.aggregate import interquartile_mean
from bench.stats.beaten import beaten
from bench.stats.comparison import BySeed
from bench.stats.interval import Interval
from bench.stats.pareto import pareto
from bench.stats.ranks import Ranking, ranking, tied_ranks
from bench.stats.scale import Scale, gap_closed
from bench.tables.columns import COLUMNS, Column
from bench.tables.formats import score_alone, three_digits
from bench.tables.seeds import Seed, seed_of
from bench.tables.shared import parsed

SETTING = ("regime", "budget", "hardware")
"""What all rows of an overview share."""

_EACH_ITS_OWN = ("optimizer", "schedule", "clip")
"""Groups of options that suit one cell and not another: rows that differ in these alone are of one regime."""

FRONTS: dict[str, Literal["max", "min"]] = {
    "train_tokens_per_s": "max",
    "step_us": "min",
    "peak_mib": "min",
    "params": "min",
}
"""The costs that a score is set against, with their better direction."""

ADDED = (
    Column("regime", "key", str, dtype=None, left=True),
    Column("choices", "count", str, dtype="int64"),
    Column("rank", "count", str, dtype="Int64"),
    *(Column(f"front_{name}", "count", str, dtype="boolean", left=True) for name in FRONTS),
    Column("mean_rank", "median", three_digits, heading="mean rank"),
    Column("critical_difference", "median", three_digits),
    Column("friedman_p", "median", three_digits),
    Column("aggregate", "median", score_alone, ends=("aggregate_low", "aggregate_high"), left=True),
    Column("aggregate_low", "median"),
    Column("aggregate_high", "median"),
)
"""The columns that the rows of an overview have beside those of the leaderboard."""


class Task(NamedTuple):
    """A column of an overview: a task, with the metric that its rows are scored in."""

    name: str
    metric: str
    direction: Literal["max", "min"]

    def __str__(self) -> str:
        return f"{self.name} {self.scored_in}"

    @property
    def scored_in(self) -> str:
        """The metric with its better direction."""
        return f"{self.metric} ({'higher' if self.direction == 'max' else 'lower'} is better)"


@dataclass(frozen=True)
class Overview:
    """The rows of one setting: of each cell on each task the one that is best on valid, by task and cell.

    `choices` are the numbers of rows that these were chosen from; `scores` those of the seeds, without cells that have
    none on a task.
    """

    setting: Mapping[str, str]
    rows: Mapping[Task, Mapping[str, Mapping[Hashable, Any]]]
    choices: Mapping[Task, Mapping[str, int]]
    scores: Mapping[Task, Mapping[str, BySeed]]
    scales: Mapping[Task, Scale]
    order: Sequence[str] = ()
    """The cells in another order than by their ranks."""

    @property
    def tasks(self) -> list[Task]:
        return [*self.rows]

    @cached_property
    def cells(self) -> list[str]:
        """All cells: those that are ranked first, in the order of their mean ranks, and then by their ranks."""
        if self.order:
            return [*self.order]
        every = dict.fromkeys(cell for rows in self.rows.values() for cell in rows)
        last = len(every) + 1

        def place(cell: str) -> tuple[float, float, str]:
            ranks = [self.ranks[task].get(cell, last) for task in self.tasks]
            return (self.mean_ranks.get(cell, math.inf), sum(ranks) / len(ranks), cell)

        return sorted(every, key=place)

    @cached_property
    def main(self) -> list[Task]:
        """The columns that cells are ranked over: of a task whose cells are scored in several metrics that of most of
        them, so that one cell that stands apart takes nothing from the others."""
        found: dict[str, Task] = {}
        for task in sorted(self.tasks, key=lambda task: -len(self.scores[task])):
            found.setdefault(task.name, task)
        return [task for task in self.tasks if found[task.name] == task]

    def is_apart(self, task: Task, cell: str) -> bool:
        """Whether the cell has a row on the task in another metric, and none in this one."""
        others = [rows for other, rows in self.rows.items() if other.name == task.name]
        return cell not in self.rows[task] and any(cell in rows for rows in others)

    @property
    def complete(self) -> list[str]:
        """The cells that have a score on every task, in its `main` metric."""
        every = dict.fromkeys(cell for rows in self.rows.values() for cell in rows)
        return [cell for cell in every if all(cell in self.scores[task] for task in self.main)]

    @cached_property
    def ranks(self) -> dict[Task, dict[str, int]]:
        """The rank of each cell on each task, which cells share that no corrected test tells apart."""
        return {
            task: tied_ranks([*scores], beaten(scores, self.scales[task])) if scores else {}
            for task, scores in self.scores.items()
        }

    @cached_property
    def ranking(self) -> Ranking | None:
        """The mean ranks of the `complete` cells; None for fewer than two of them, or of tasks."""
        if len(self.complete) < 2 or len(self.main) < 2:
            return None
        means = [[self.rows[task][cell]["score"] for cell in self.complete] for task in self.main]
        return ranking(means, [task.direction for task in self.main])

    @cached_property
    def mean_ranks(self) -> dict[str, float]:
        """The mean rank of each cell that has one."""
        return dict(zip(self.complete, self.ranking.ranks, strict=True)) if self.ranking else {}

    @property
    def normalised(self) -> list[Task]:
        """The tasks whose scores have a place between chance and the best possible one."""
        known = {task: (self.scales[task].chance, self.scales[task].solved) for task in self.main}
        return [task for task, (chance, solved) in known.items() if None not in (chance, solved) and chance != solved]

    def gaps(self, task: Task, cell: str) -> BySeed:
        """The scores of a cell on a `normalised` task as shares of the way from chance to solved."""
        scale = self.scales[task]
        assert scale.chance is not None and scale.solved is not None
        return {seed: gap_closed(score, scale.chance, scale.solved) for seed, score in self.scores[task][cell].items()}

    @cached_property
    def aggregates(self) -> dict[str, Interval]:
        """The interquartile mean of the normalised scores of each `complete` cell."""
        if not self.normalised:
            return {}
        return {
            cell: interquartile_mean([[*self.gaps(task, cell).values()] for task in self.normalised])
            for cell in self.complete
        }

    @cached_property
    def fronts(self) -> dict[Task, dict[str, dict[str, bool]]]:
        """Whether a cell is on the Pareto front of score against each of FRONTS, by task, figure and cell."""
        return {task: {name: self._front(task, name) for name in FRONTS} for task in self.tasks}

    def _front(self, task: Task, name: str) -> dict[str, bool]:
        rows = {cell: self.rows[task][cell] for cell in self.scores[task]}
        doubted = {column.name: column.marks for column in COLUMNS}[name]
        quiet = [cell for cell, row in rows.items() if not (doubted and isinstance(row[doubted], str))]
        figures = [(row["score"], row[name] if cell in quiet or not quiet else math.nan) for cell, row in rows.items()]
        known = [tuple(math.nan if pd.isna(figure) else float(figure) for figure in pair) for pair in figures]
        return dict(zip(rows, pareto(known, [task.direction, FRONTS[name]]), strict=True))


def overviews(table: pd.DataFrame, group: str | None = None) -> Iterator[Overview]:
    """The overviews of a leaderboard with the columns `BEHIND`, one for each setting, and for each value of the column
    `group`. Budgets, regimes and kinds of hardware are never ranked together."""
    table = table.assign(regime=[regime(label) for label in table["bptt"]])
    keys = [*([group] if group else []), *SETTING]
    for values, part in table.groupby(keys, sort=True, dropna=False):
        yield _overview(dict(zip(keys, map(str, values), strict=True)), part)


def regime(label: str) -> str:
    """The label of a training regime without what each cell may have of its own."""
    name, options, _ = parsed(label)
    kept = [option for option in options if option.split("=")[0].split(".")[0] not in _EACH_ITS_OWN]
    return f"{name}({', '.join(kept)})" if kept else name


def _overview(setting: Mapping[str, str], part: pd.DataFrame) -> Overview:
    for column in ("metric", "direction"):  # rows without a score stand with those that have one
        part = part.assign(**{column: part[column].fillna(part.groupby("task")[column].transform("first"))})
    part = part.assign(metric=part["metric"].fillna("no score"), direction=part["direction"].fillna("max"))
    rows: dict[Task, dict[str, Mapping[Hashable, Any]]] = {}
    choices: dict[Task, dict[str, int]] = {}
    for row in part.to_dict("records"):  # of a cell's rows the best on valid comes first
        task = Task(row["task"], row["metric"], row["direction"])
        rows.setdefault(task, {}).setdefault(row["cell"], row)
        of_task = choices.setdefault(task, {})
        of_task[row["cell"]] = of_task.get(row["cell"], 0) + 1
    scores = {
        task: {cell: found for cell, row in each.items() if (found := _by_seed(row))} for task, each in rows.items()
    }
    return Overview(setting, rows, choices, scores, {task: _scale(task, each) for task, each in rows.items()})


def _by_seed(row: Mapping[Hashable, Any]) -> dict[Seed, float]:
    return {seed_of(seed): score for seed, score in json.loads(row["by_seed"]).items()}


def _scale(task: Task, rows: Mapping[str, Mapping[Hashable, Any]]) -> Scale:
    row = next((row for row in rows.values() if not pd.isna(row["lowest"])), {})
    known = {name: row[name] for name in ("chance", "solved", "target", "lowest", "highest") if name in row}
    return Scale(direction=task.direction, **{name: None if pd.isna(value) else value for name, value in known.items()})


def to_frame(found: Sequence[Overview], group: str | None = None) -> pd.DataFrame:
    """The rows of overviews, one for each task and cell, with the columns of the leaderboard and `ADDED`; a cell that
    has no run on a task has a row without figures, in the metric of the others."""
    lines = [line for each in found for line in _lines(each)]
    columns = [*COLUMNS, *ADDED]
    frame = pd.DataFrame(lines, columns=[*(column.name for column in columns), *([group] if group else [])])
    missing = {"seeds": 0, **{column.name: 0 for column in COLUMNS if column.dtype == "int64"}}
    frame = frame.fillna({name: value for name, value in missing.items() if name in frame})
    return frame.astype({column.name: column.dtype for column in columns if column.dtype})


def of(frame: pd.DataFrame, found: Overview) -> pd.DataFrame:
    """The rows of one overview in a frame of several."""
    for name, value in found.setting.items():
        frame = frame[frame[name].astype(str) == value]
    return frame


def _lines(found: Overview) -> Iterator[dict[str, Any]]:
    for task in found.tasks:
        for cell in found.cells:
            if found.is_apart(task, cell) or (task not in found.main and cell not in found.rows[task]):
                continue
            given: dict[Any, Any] = {"task": task.name, "cell": cell} | dict(found.rows[task].get(cell, {}))
            front = {f"front_{name}": on.get(cell) for name, on in found.fronts[task].items()}
            total = found.aggregates.get(cell, Interval(math.nan, math.nan, math.nan, ""))
            yield {
                **found.setting, **given, "metric": task.metric, "direction": task.direction,
                "regime": found.setting["regime"], "choices": found.choices[task].get(cell, 0),
                "rank": found.ranks[task].get(cell), **front, "mean_rank": found.mean_ranks.get(cell),
                "critical_difference": found.ranking.critical if found.ranking else None,
                "friedman_p": found.ranking.p if found.ranking else None,
                "aggregate": total.mean, "aggregate_low": total.low, "aggregate_high": total.high,
            }  # fmt: skip
