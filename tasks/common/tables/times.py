"""The column of a table that orders its rows in time: found by its content, checked, and its gaps told."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.api import DataError

from .dates import is_clock, numeric_stamps, read_stamps
from .spacing import ascends, is_counter, later, odd_steps
from .table import Table

__all__ = ["Ordered", "date_columns", "in_order", "is_named_as_time"]

_TIMES = frozenset("t ts ds time times timestamp date datetime unix epoch year yr seconds sec secs".split())
_COUNTS = frozenset("index idx id no nr obs row rows rownames step unnamed".split())
_AS_THEY_STAND = "; or read the rows as they stand by naming task.columns"
_FEW = 200  # cells that tell whether a column holds dates


@dataclass(frozen=True)
class Ordered:
    """A table whose rows ascend in time, the `times [N]` of its rows, the columns they come from, and `notes`."""

    table: Table
    times: np.ndarray
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def date_columns(table: Table, taken: Collection[str]) -> list[str]:
    """The columns that hold dates, but for `taken` ones: by their form, then numbers that ascend and are named so."""
    found = [name for name in table.names if name not in taken and _holds_dates(table, name)]
    return sorted(found, key=lambda name: table.cells[name].dtype.kind in "iuf")


def is_named_as_time(name: str) -> bool:
    """Whether a column is named like one of times."""
    return not _TIMES.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    return re.findall("[a-z]+", name.lower())


def in_order(table: Table, name: str, is_asked: bool, is_strict: bool) -> Ordered:
    """The table in the order of the column `name`, read from last to first where it descends.

    `is_asked` where the user names the column, so that any form of date will do. Raises DataError for a row whose time
    is missing or not after that of the row before; it is a note where the order is not checked (`is_strict`).
    """
    columns: tuple[str, ...] = (name,)
    try:
        times, notes = _times(table, table.cells[name], is_asked)
        clock = next((other for other in table.names if _is_clock(table, other)), None)
        if clock is not None and not ascends(times):
            both = table.cells[name].astype(str) + " " + table.cells[clock].astype(str)
            times, notes = _times(table, both, is_asked)
            columns = (name, clock)
    except ValueError as error:
        line = f"{table.path}: the dates in {name}: {error}; write them as 1999-12-31"
        if is_strict:
            raise DataError(line if is_asked else f"{line}{_AS_THEY_STAND}") from None
        return Ordered(table, np.arange(len(table.lines)), columns, (line,))
    if len(times) > 1 and not _is_missing(times).any() and ascends(times[::-1]):
        table, times = table.reversed(), times[::-1]
        notes.append(f"{name} descends: rows are read from the last to the first")
    fault = _fault(table, name, times)
    if fault and is_strict:
        raise DataError(fault if is_asked else f"{fault}{_AS_THEY_STAND}")
    if fault:
        notes.append(f"{fault}; rows are read as they stand")
    elif odd := odd_steps(times):
        count, row, usual = odd
        notes.append(
            f"{name}: {count:,} of {len(times) - 1:,} steps in time are not the usual {usual}, the first before line "
            f"{table.lines[row]}; rows are taken as equally spaced"
        )
    return Ordered(table, times, columns, tuple(notes))


def _times(table: Table, cells: pd.Series, is_asked: bool) -> tuple[np.ndarray, list[str]]:
    if cells.dtype.kind in "iuf":
        values = cells.to_numpy(np.float64)
        times = numeric_stamps(values)
        return (values if times is None else times), []
    found = read_stamps(cells, guess=is_asked)
    times, choice = found if found is not None else (np.full(len(cells), np.datetime64("NaT")), None)
    return times, [f"dates {choice}"] if choice else []


def _fault(table: Table, name: str, times: np.ndarray) -> str | None:
    """The first row that is not after the one before, in words."""
    missing = _is_missing(times)
    bad = missing | np.concatenate([[False], ~later(times)])
    if not bad.any():
        return None
    row = int(np.argmax(bad))
    if missing[row]:
        why = "no date in the form of the others; correct or remove the row"
    elif times[row] == times[row - 1]:
        why = (
            "the time of the row before; keep a row for each time and one series in a file (where clocks are set back, "
            "write UTC or offsets)"
        )
    else:
        why = "earlier than the row before; sort the rows by time, and keep one series in a file"
    cell = table.cells[name].iloc[row]
    return f"{table.path}, line {table.lines[row]}: {name} is {'' if pd.isna(cell) else str(cell)!r}, {why}"


def _is_missing(times: np.ndarray) -> np.ndarray:
    return np.isnat(times) if times.dtype.kind == "M" else np.isnan(times)


def _holds_dates(table: Table, name: str) -> bool:
    cells = table.cells[name]
    if cells.dtype.kind in "iuf":
        values = cells.to_numpy(np.float64)
        if len(values) < 2 or np.isnan(values).any():
            return False
        is_named_so = not (_TIMES | _COUNTS).isdisjoint(_words(name))
        is_time = is_named_so and ascends(values) and not is_counter(values)
        return is_time or numeric_stamps(values) is not None
    there = cells.dropna()
    few = there.iloc[:: max(1, len(there) // _FEW)]
    try:
        found = read_stamps(few)
    except ValueError:
        return True
    return found is not None and np.isnat(found[0]).mean() <= 0.1


def _is_clock(table: Table, name: str) -> bool:
    cells = table.cells[name]
    return cells.dtype.kind not in "iufb" and all(is_clock(str(cell).strip()) for cell in cells.dropna().iloc[:_FEW])
