"""An overview as tables: the cells over all tasks, and each cell on each task."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

import pandas as pd

from bench.printable import printable
from bench.stats.ranks import alike
from bench.tables.blocks import Block
from bench.tables.columns import COLUMNS
from bench.tables.fitted import Field
from bench.tables.formats import score_with_interval, three_digits
from bench.tables.overview import FRONTS, SETTING, Overview
from bench.tables.shared import without_shared

_LETTERS = dict(zip(FRONTS, "tlmp", strict=True))
_LEGEND = (
    "each cell on each task: rank, score with its 95% interval, Pareto fronts",
    "1, 2, ...: the rank on a task, 1 and the number of cells that are better; all pairs tested at once (Holm, 5%)",
    "on the Pareto front of score against: t training tokens/s, l latency of a step, m memory, p parameters",
)


def blocks(found: Overview) -> Iterator[Block]:
    """The tables of one setting, its name in the head of the first."""
    labels, shared = without_shared(found.cells)
    names = [*map(printable, labels)]
    setting = "; ".join(
        f"{name} {value}" if name not in SETTING[1:2] else value for name, value in found.setting.items()
    )
    head = [printable(setting), *([printable(f"every cell with {', '.join(shared)}")] if shared else [])]
    if found.mean_ranks:
        yield Block([*head, *_over_tasks(found)], _whole(found, names))
        head = head[1:]
    columns = [
        Field(printable(str(task)), [_cell(found, place, cell) for cell in found.cells], left=True, spare=place + 1)
        for place, task in enumerate(found.tasks)
    ]
    yield Block(
        [*head, *_LEGEND], [Field("cell", names, left=True), *columns], [*map(printable, notes(found))], long=True
    )


def _over_tasks(found: Overview) -> Iterator[str]:
    assert found.ranking is not None
    critical = three_digits(found.ranking.critical)
    p = found.ranking.p
    friedman = "" if pd.isna(p) else f"; Friedman's p {three_digits(p)}"
    yield f"mean ranks over {len(found.main)} tasks; less than {critical} apart do not differ (Nemenyi, 5%){friedman}"
    if found.normalised:
        of = "" if len(found.normalised) == len(found.main) else f" on {len(found.normalised)} of them"
        yield f"overall: interquartile mean of normalised scores{of}, 0 chance, 1 solved, with its 95% interval"


def _whole(found: Overview, names: list[str]) -> list[Field]:
    """The figures of each cell over all tasks."""
    assert found.ranking is not None
    lots = alike(found.ranking.ranks, found.ranking.critical)
    letters = {
        cell: "".join(ascii_lowercase[n % 26] for n, lot in enumerate(lots) if place in lot)
        for place, cell in enumerate(found.complete)
    }
    means = ["-" if cell not in found.mean_ranks else three_digits(found.mean_ranks[cell]) for cell in found.cells]
    fields = [Field("cell", names, left=True), Field("mean rank", means)]
    fields.append(Field("alike", [letters.get(cell, "") for cell in found.cells], left=True))
    if found.aggregates:
        totals = [found.aggregates.get(cell) for cell in found.cells]
        texts = ["-" if total is None else score_with_interval(*total[:3]) for total in totals]
        fields.append(Field("overall", texts, left=True, folds=False))
    firsts = [sum(found.ranks[task].get(cell) == 1 for task in found.main) for cell in found.cells]
    return [*fields, Field("ranked 1", [f"{first} of {len(found.main)}" for first in firsts])]


def _cell(found: Overview, place: int, cell: str) -> str:
    task = found.tasks[place]
    if cell not in found.scores[task]:
        return "-"
    row = found.rows[task][cell]
    score = score_with_interval(row["score"], row["ci_low"], row["ci_high"]).replace(", ", ",")
    on = "".join(letter for name, letter in _LETTERS.items() if found.fronts[task][name].get(cell))
    return f"{found.ranks[task][cell]} {score} {on}".rstrip()


def notes(found: Overview) -> Iterator[str]:
    """What is to be known of the figures: who is missing where, what is not compared, what was chosen among several."""
    for cell in found.cells:
        missing = [task for task in found.main if cell not in found.scores[task] and not found.is_apart(task, cell)]
        if missing:
            told = ", ".join(f"{task.name} ({_why(found.rows[task].get(cell))})" for task in missing)
            unranked = ": it has no mean rank" if len(found.main) > 1 else ""
            yield f"{cell} has no score on {told}{unranked}"
    yield from _apart(found)
    if unknown := [task.name for task in found.main if task not in found.normalised and found.scores[task]]:
        yield f"no best possible score is known for {', '.join(unknown)}: in no normalised figure"
    for task in found.tasks:
        if single := [cell for cell, scores in found.scores[task].items() if len(scores) < 2]:
            yield f"{task.name}: one seed, which no test can tell from others: {', '.join(single)}"
        counts = found.choices[task]
        if len({*counts.values()}) > 1 or max(counts.values(), default=1) > 1:
            said = ", ".join(f"{cell} {counts[cell]}" for cell in found.cells if cell in counts)
            fair = "" if len({*counts.values()}) == 1 else ", not as many for each"
            yield f"{task.name}: the best on valid of several rows that differ in training{fair}: {said}"


def _apart(found: Overview) -> Iterator[str]:
    """The cells whose metric on a task is not that of most."""
    for task in found.tasks:
        main = next(each for each in found.main if each.name == task.name)
        if task != main:
            unranked = ", and in no mean rank" if len(found.main) > 1 else ""
            cells = ", ".join(found.rows[task])
            yield f"{cells}: scored on {task.name} in {task.scored_in}, not compared with {main.scored_in}{unranked}"


def _why(row: object) -> str:
    if not isinstance(row, dict):
        return "no run"
    ends = [column for column in COLUMNS if column.of == "count" and column.name != "done"]
    counts = {column.title: row[column.name] for column in ends}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "runs without a score"
