"""The lines printed at the end of a run: scores, speed, memory, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.printable import printable
from bench.results.draws import draws
from bench.results.record import Record
from bench.results.row import PLACES, Row
from bench.stats.scale import gap_closed
from bench.tables.columns import COLUMNS, Column
from bench.tables.doubts import signs
from bench.tables.formats import four_digits, one_decimal, three_digits

_MOST_ELSEWHERE = 0.2


def title(record: Record) -> str:
    """The run's labels and seed in one line."""
    labels = record.labels
    return printable(
        "  ".join(
            [
                labels["task"],
                labels["cell"],
                labels["bptt"],
                labels["budget"],
                str(draws({"seed": record.seed, "seeds": record.config.get("seeds")})),
            ]
        )
    )


def after(record: Record) -> str:
    """The time that the run took, as in `done after 31.2 s`; empty where it is unknown."""
    return "" if record.seconds is None else f" after {one_decimal(record.seconds)} s"


def scores_in_a_line(record: Record) -> str:
    """The score and, beside it, the one on valid by which runs are to be chosen: `test accuracy 0.97, valid 0.98`."""
    metric, split = record.metric, record.scored_split
    assert metric is not None
    beside = f", valid {four_digits(metric['valid'])}" if split == "test" else ""
    return printable(f"{split} {metric['name']} {four_digits(record.score)}{beside}")


def summary(record: Record, columns: Sequence[Column] = COLUMNS) -> str:
    """A run in a few aligned lines: title and status, scores, and a line for each kind of figure in the record."""
    lines = [f"{title(record)}: {record.status}{after(record)}"]
    facts = {"reason": record.reason}
    if record.metric and record.status == "done":
        facts |= _scores(record)
    facts |= {line: ", ".join(phrases) for line, phrases in _phrases(record, columns).items()}
    facts["time"] = parts_of_time(record) if is_spent_elsewhere(record) else None
    facts |= doubts(record)
    return "\n".join(map(printable, [*lines, *(f"  {name:<10} {fact}" for name, fact in facts.items() if fact)]))


def doubts(record: Record) -> dict[str, str]:
    """The marks of doubt on the run's speeds, each with the figures that have it and the reason for the first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, figure in (record.speed or {}).items():
        marks = figure.get("marks") if isinstance(figure, dict) else None
        for mark, why in (marks or {}).items():
            found.setdefault(mark, []).append((name, why))
    return {mark: f"{', '.join(name for name, _ in each)}: {each[0][1]}" for mark, each in found.items()}


def parts_of_time(record: Record) -> str:
    """What the time of the run went to, the most first: `train 20.1 s (64%), measure 7 s (22%), ...`."""
    parts = sorted((record.time or {}).items(), key=lambda part: -part[1])
    total = sum(seconds for _, seconds in parts)
    said = (f"{name} {three_digits(seconds)} s ({seconds / total:.0%})" for name, seconds in parts if seconds)
    return ", ".join(said)


def is_spent_elsewhere(record: Record) -> bool:
    """Whether a part of the run other than training took more than a fifth of its time."""
    parts = dict(record.time or {})
    most = _MOST_ELSEWHERE * sum(parts.values())
    return any(seconds > most for name, seconds in parts.items() if name not in ("train", "before"))


def to_beat(metric: Mapping[str, Any]) -> str:
    """The scores to compare with, for a record's `metric`: `chance 0.2, majority 0.21, solved 1`."""
    scores = {"chance": metric["chance"], **metric["baselines"], "solved": metric["solved"]}
    return ", ".join(f"{name} {four_digits(value)}" for name, value in scores.items() if value is not None)


def _scores(record: Record) -> dict[str, str | None]:
    """A line for each split, with the metric first, and a line with the scores to beat."""
    metric = record.metric
    assert metric is not None
    facts = {}
    for split, values in record.scores.items():
        others = ", ".join(f"{name} {four_digits(value)}" for name, value in values.items() if name != metric["name"])
        facts[split] = f"{metric['name']} {four_digits(values.get(metric['name']))}" + f"  ({others})" * bool(others)
    gap = ""
    if record.score is not None and metric["solved"] is not None and metric["chance"] is not None:
        closed = 100 * gap_closed(record.score, metric["chance"], metric["solved"])
        gap = f"; gap closed {one_decimal(closed)}%"
    return {**facts, "to beat": f"{to_beat(metric)}{gap}"}


def _phrases(record: Record, columns: Sequence[Column]) -> dict[str, list[str]]:
    """The figures of the run, by line; figures of a part that the record lacks (such as speed) are left out."""
    row = Row.of(record, written=0)
    lines: dict[str, list[str]] = {"speed": [], "memory": [], "work": [], "model": []}
    for column in columns:
        phrase = column.closing
        if phrase and getattr(record, PLACES[column.name].partition(".")[0]) not in (None, {}):
            value, written = getattr(row, column.name), phrase.written or column.written
            if value is None and phrase.optional:
                continue
            text = "-" if value is None else written(value) + signs(getattr(row, column.marks, None))
            lines.setdefault(phrase.line, []).append(phrase.words.format(text))
    if lines["model"]:
        lines["model"] += [f"{record.unroll} unroll", record.labels["hardware"]]
    return lines
