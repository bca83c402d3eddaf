"""The lines printed at the end of a run: scores, speed, memory, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.results.record import Record
from bench.results.row import PLACES, Row
from bench.stats.interval import gap_closed
from bench.tables.columns import COLUMNS, Column
from bench.tables.formats import four_digits


def title(record: Record) -> str:
    """The run's labels and seed in one line."""
    labels = record.labels
    return "  ".join([labels["task"], labels["cell"], labels["bptt"], labels["budget"], f"seed {record.seed}"])


def summary(record: Record, columns: Sequence[Column] = COLUMNS) -> str:
    """A run in a few aligned lines: title and status, scores, and a line for each kind of figure in the record."""
    after = "" if record.seconds is None else f" after {record.seconds:.1f} s"
    lines = [f"{title(record)}: {record.status}{after}"]
    facts = {"reason": record.reason}
    if record.metric and record.status == "done":
        facts |= _scores(record)
    facts |= {line: ", ".join(phrases) for line, phrases in _phrases(record, columns).items()}
    return "\n".join([*lines, *(f"  {name:<10} {fact}" for name, fact in facts.items() if fact)])


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
        facts[split] = f"{metric['name']} {four_digits(values[metric['name']])}" + f"  ({others})" * bool(others)
    gap = ""
    if record.score is not None and metric["solved"] is not None and metric["chance"] is not None:
        gap = f"; gap closed {gap_closed(record.score, metric['chance'], metric['solved']):.1%}"
    return {**facts, "to beat": f"{to_beat(metric)}{gap}"}


def _phrases(record: Record, columns: Sequence[Column]) -> dict[str, list[str]]:
    """The figures of the run, by line; figures of a part that the record lacks (such as speed) are left out."""
    row = Row.of(record, written=0)
    lines: dict[str, list[str]] = {"speed": [], "memory": [], "model": []}
    for column in columns:
        phrase = column.closing
        if phrase and getattr(record, PLACES[column.name].partition(".")[0]) not in (None, {}):
            value, written = getattr(row, column.name), phrase.written or column.written
            lines.setdefault(phrase.line, []).append(phrase.words.format("-" if value is None else written(value)))
    if lines["model"]:
        lines["model"] += [f"{record.unroll} unroll", record.labels["hardware"]]
    return lines
