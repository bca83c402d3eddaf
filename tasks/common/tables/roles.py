"""Which column of a table is the target and which are inputs: as the user names them, else from what they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.api import DataError

from ..files.reading import some
from .spacing import is_counter
from .table import Table
from .times import date_columns, in_order, is_named_as_time

__all__ = ["Roles", "roles_of"]


_NO_DATE = "text in no form of dates that is known, so rows are taken as they stand"


@dataclass(frozen=True)
class Roles:
    """The `table` in order of time, the columns that are `inputs` and the one that is the `target`.

    `times [N]` are those of the rows, None where the table has none. `left_out` says why, by column.
    """

    table: Table
    inputs: list[str]
    target: str
    times: np.ndarray | None
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def note(self) -> str:
        """What is forecast from what: `forecasts SUNACTIVITY from SUNACTIVITY; YEAR is left out: a counter`."""
        reasons: dict[str, list[str]] = {}
        for name, why in self.left_out.items():
            reasons.setdefault(why, []).append(name)
        parts = [f"forecasts {self.target} from {some(self.inputs, 5)}"]
        parts += [
            f"{some(names, 5)} {'is' if len(names) == 1 else 'are'} left out: {why}" for why, names in reasons.items()
        ]
        return "; ".join(parts)


def roles_of(
    table: Table, columns: Sequence[str] | None, predict: str | None, date: str | None, labels: Sequence[str] = ()
) -> Roles:
    """The roles that the options name; without them, those that the columns' content tells.

    Dates order the rows; counters, such as row numbers and years, and texts are no inputs, nor are `labels`. The target
    is `predict`, else the first of `columns`, else the only column left. Raises DataError where none or several are.
    """
    for option, names in (("date", [date]), ("columns", columns or ()), ("predict", [predict])):
        for name in names:
            if name is not None:
                table.column(name, option)
    if columns and predict is not None and predict not in columns:
        raise DataError(f"{table.path}: task.predict={predict} is none of the columns read, {some(columns)}")
    dates = [date] if date is not None else date_columns(table, {*(columns or ()), predict or "", *labels})
    left_out = dict.fromkeys(labels, "labels")
    times: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    if dates:
        ordered = in_order(table, dates[0], date is not None, date is not None or not columns)
        table, times, notes = ordered.table, ordered.times, ordered.notes
        left_out |= dict.fromkeys(dates, "another time") | dict.fromkeys(ordered.columns, "the time")
    if columns:
        return Roles(table, list(columns), predict or columns[0], times, left_out, notes)
    for name in table.names:
        if name != predict and name not in left_out:
            if np.isnan(table.values(name)).all():
                left_out[name] = "no value"
            elif table.is_text(name):
                is_doubtful = times is None and is_named_as_time(name)
                left_out[name] = _NO_DATE if is_doubtful else "text"
            elif is_counter(table.numbers(name)):
                left_out[name] = "a counter"
    inputs = [name for name in table.names if name not in left_out]
    if predict is None and len(inputs) != 1:
        there = f"several columns to forecast, {some(inputs)}" if inputs else "no column to forecast"
        beside = [f"{name} ({_told(table, name, why)})" for name, why in left_out.items()]
        may_be_numbers = any(re.search("[0-9]", each) for each in beside if "(text, such as" in each)
        likely = inputs or [name for name, why in left_out.items() if why == "a counter" and not may_be_numbers]
        remedy = (
            f"name the one to forecast, as in {_option(likely[-1])}"
            if likely
            else "write numbers bare, as 12.5, or set task.separator, task.decimal or task.header"
        )
        raise DataError(f"{table.path}: has {there}{', beside ' * bool(beside)}{some(beside, 5)}; {remedy}")
    return Roles(table, inputs, predict or inputs[0], times, left_out, notes)


def _told(table: Table, name: str, why: str) -> str:
    """Why a column is left out; of a text, which numbers may have been meant to be, the first that is none."""
    if why not in ("text", _NO_DATE):
        return why
    return f"text, such as {str(table.cells[name].iloc[int(np.argmax(np.isinf(table.values(name))))])!r}"


def _option(name: str) -> str:
    """How a shell is told that a column is to be forecast."""
    return f"task.predict={name}" if re.fullmatch(r"[A-Za-z_][\w-]*", name) else f"""'task.predict="{name}"'"""
