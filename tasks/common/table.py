"""Time series in a CSV file: numeric columns, a row for each time step, and missing values."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.api import DataError

from .files import find, read_unpacked, reason, some

__all__ = ["MOST_COLUMNS", "Gaps", "Table", "read_table"]

MOST_COLUMNS = 10_000
"""More would take minutes to read, one by one, and hours to learn from."""

Gaps = Literal["interpolate", "drop", "refuse"]


@dataclass(frozen=True)
class Table:
    """`values [N, F]` float64 without gaps, by column name; `real [N, F]` is False where a value was filled in.

    `path` is the file, and `missing` the number of rows with a missing value.
    """

    path: Path
    columns: list[str]
    values: np.ndarray
    real: np.ndarray
    missing: int


def read_table(source: str, columns: Sequence[str] | None, date: str | None, gaps: Gaps) -> Table:
    """Read a CSV file with a header, plain or packed; rows are taken as equally spaced in time.

    `columns` names the columns to read; None reads all but `date`. The dates must ascend from row to row, and serve no
    other purpose. Missing values (empty, NA, nan) are interpolated linearly in time (`interpolate`), their rows are
    left out (`drop`), or they are an error (`refuse`). Raises DataError for a file or column that cannot be read.
    """
    give = "give mackey_glass, narma10, or the path of a CSV file"
    path = find(source, give, "file")
    content = io.BytesIO(read_unpacked(path, give))
    if (width := 1 + max(content.readline().count(b",") for _ in range(2))) > MOST_COLUMNS:
        raise DataError(f"{path}: has {width:,} columns, and at most {MOST_COLUMNS:,} are read; name a smaller table")
    content.seek(0)
    try:
        table = pd.read_csv(content, skipinitialspace=True)  # UTF-8, with or without a mark
    except ValueError as error:  # pandas' own and UnicodeDecodeError are among them
        raise DataError(
            f"{path}: no CSV file in UTF-8 ({reason(error)}); save it as one, with a header line"
        ) from error
    there = [str(name) for name in table.columns]
    for option, name in [("date", date), *(("columns", name) for name in columns or ())]:
        if name is not None and name not in there:
            raise DataError(f"{path}: has no column {name} (task.{option}), only {some(there)}")
    if date is not None:
        _check_ascending(path, date, table[date])
    chosen = list(columns) if columns else [name for name in there if name != date]
    if not chosen:
        raise DataError(f"{path}: has no column beside task.date={date}; name a file with values")
    values = np.stack([_numbers(path, name, table[name]) for name in chosen], axis=1)
    real = ~np.isnan(values)
    missing = int((~real.all(axis=1)).sum())
    if missing and gaps == "refuse":
        line = 2 + int(np.argmin(real.all(axis=1)))
        raise DataError(
            f"{path}: {missing} of {len(values)} rows lack a value, the first in line {line}; "
            "fill them in, or set task.gaps=interpolate or drop"
        )
    if gaps == "drop":
        kept = real.all(axis=1)
        values, real = values[kept], real[kept]
    elif not real.any(axis=0).all():
        raise DataError(f"{path}: column {chosen[int(np.argmin(real.any(axis=0)))]} holds no value; name other columns")
    time = np.arange(len(values))
    filled = [np.interp(time, time[r], v[r]) for v, r in zip(values.T, real.T, strict=True)]
    return Table(path, chosen, np.stack(filled, axis=1), real, missing)


def _numbers(path: Path, name: str, column: pd.Series) -> np.ndarray:
    """A column as float64, NaN where a value is missing."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    wrong = np.isinf(numbers) | (np.isnan(numbers) & column.notna().to_numpy())
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{path}, line {row + 2}: {name} is {str(column.iloc[row])!r}, no finite number; "
            "correct it, or name the columns to read by task.columns and the dates' by task.date"
        )
    return numbers


def _check_ascending(path: Path, name: str, column: pd.Series) -> None:
    """DataError where a date is no date, or not after that of the row before."""
    if pd.api.types.is_numeric_dtype(column):
        time = column.to_numpy(np.float64)
    else:
        dates = pd.to_datetime(column, errors="coerce", format="mixed")
        time = np.where(dates.isna(), np.nan, dates.to_numpy().astype("datetime64[s]").astype(np.float64))
    bad = np.isnan(time) | (np.diff(time, prepend=-np.inf) <= 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{path}, line {row + 2}: {name} is {str(column.iloc[row])!r}, no date after the one before; "
            "sort the rows by time"
        )
