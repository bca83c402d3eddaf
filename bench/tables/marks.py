"""Marks on labels: they tell rows apart whose labels are equal and whose code or data are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from bench.results.row import Row
from bench.tables.doubts import slowed

_SHORT = 8  # hexadecimal digits of a mark, and more where several states begin alike
_UNSTATED = "?"


class _Mark(NamedTuple):
    """A mark on the label in `column`: `sign`, and the beginning of the run's state in `fields`."""

    column: str
    sign: str
    fields: tuple[str, ...]

    def state(self, row: Row) -> str | None:
        """The state of a run; None where the run failed before it was known.

        An older record states no code: its cell's is `?`, which tells the rows apart and leaves them in one table.
        """
        if self.column == "cell" and row.harness is None:
            return _UNSTATED
        return "".join(getattr(row, field) or "" for field in self.fields) or None


_MARKS = (
    _Mark("task", "@", ("fingerprint",)),
    _Mark("task", "#", ("task_code",)),
    _Mark("cell", "#", ("cell_code", "files_code")),
    _Mark("bptt", "#", ("optimizer_code", "schedule_code")),
)


def told_apart(rows: Sequence[Row]) -> list[Row]:
    """The rows, with a mark on each label that has several states: `custom:Mine#1a2b3c4d`, `charlm-v1@5e6f7a8b`.

    A run that failed before its state was known has no mark.
    """
    marked = list(rows)
    for mark in _MARKS:
        several = {label: _shortened(states) for label, states in _several(rows, mark).items()}
        for place, row in enumerate(rows):
            state = mark.state(row)
            if state and (short := several.get(getattr(row, mark.column))):
                label: Any = f"{getattr(marked[place], mark.column)}{mark.sign}{short[state]}"
                marked[place] = marked[place]._replace(**{mark.column: label})
    return marked


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """A line on each kind of doubt about rows: names with several codes, code that is not stated, mixed versions, a
    machine that was slower in some."""
    ended = [row for row in rows if row.status != "interrupted"]
    names = {label: states for mark in _MARKS[1:] for label, states in _several(ended, mark).items()}
    if names:
        listed = ", ".join(f"{label} ({len(states)} codes)" for label, states in sorted(names.items()))
        yield f"rows marked # have equal names and different code: {listed}"
    if unstated := sum(row.harness is None for row in ended):
        yield f"runs without a statement of their plugins' code, as in older records: {unstated}; edits cannot be seen"
    if mixed := sum(len(found) > 1 for found in _harnesses(told_apart(ended)).values()):
        yield f"rows over different versions of bench's own code: {mixed}; rerun=all makes runs anew"
    yield from slowed(ended)


def _several(rows: Iterable[Row], mark: _Mark) -> dict[str, set[str]]:
    """The labels in the mark's column that have several states, with these states."""
    states: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if state := mark.state(row):
            states[getattr(row, mark.column)].add(state)
    return {label: found for label, found in states.items() if len(found) > 1}


def _shortened(states: Collection[str]) -> dict[str, str]:
    """Each state by as few of its first digits as tell it from all others, but no fewer than 8."""
    length = _SHORT
    while len({state[:length] for state in states}) < len(states):
        length += 1
    return {state: state[:length] for state in states}


def _harnesses(rows: Iterable[Row]) -> dict[tuple[str, ...], set[str]]:
    """The versions of the harness's own code in each row of a table."""
    found: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        if row.status == "done" and row.harness is not None:
            found[(row.task, row.cell, row.bptt, row.budget, row.hardware)].add(row.harness)
    return found
