"""Tables of numbers in text files: the columns by name, whatever the dialect, and the line of each row."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.api import DataError

from ..files.reading import find, some, unreadable
from .dates import is_stamp
from .dialect import SEPARATORS, Dialect, WrittenAs, find_dialect
from .numerals import MISSING, Sign, evidence, numbers, thousands
from .records import Records, read_records

__all__ = ["Table", "read_table"]

_GIVE = "give the path of a CSV file"


@dataclass(frozen=True)
class Table:
    """`cells` are the columns as pandas reads them, numbers or texts; `lines [N]` the line of each row in the file.

    `notes` say in what the file differs from a plain CSV file with a header.
    """

    path: Path
    cells: pd.DataFrame
    lines: np.ndarray
    decimal: Sign
    notes: list[str]

    @property
    def names(self) -> list[str]:
        return list(self.cells.columns)

    def column(self, name: str, option: str) -> pd.Series:
        """A column that an option of the task names; raises DataError where there is none."""
        if name not in self.names:
            raise DataError(f"{self.path}: has no column {name} (task.{option}), only {some(self.names)}")
        return self.cells[name]

    def is_text(self, name: str) -> bool:
        """Whether most of a column's values are no numbers."""
        values = self.values(name)
        there = ~np.isnan(values)
        return bool(np.isinf(values).sum() > 0.5 * there.sum()) and self.cells[name].dtype.kind not in "iuf"

    def values(self, name: str) -> np.ndarray:
        """A column as float64, NaN where a value is missing, infinity where it is no finite number."""
        column = self.cells[name]
        if column.dtype.kind in "iufb":
            return column.to_numpy(np.float64)
        return numbers(column.tolist(), self.decimal)

    def numbers(self, name: str) -> np.ndarray:
        """A column as float64, NaN where a value is missing; raises DataError for what is no finite number."""
        values = self.values(name)
        wrong = np.isinf(values)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{self.path}, line {self.lines[row]}: {name} is {str(self.cells[name].iloc[row])!r}, no finite "
                "number; correct it, or name the columns to read by task.columns and the dates' by task.date"
            )
        return values

    def reversed(self) -> Table:
        """The same rows from the last to the first."""
        cells = self.cells.iloc[::-1].reset_index(drop=True)
        return Table(self.path, cells, self.lines[::-1], self.decimal, self.notes)


def read_table(source: str, written: WrittenAs, give: str = _GIVE) -> Table:
    """Read a table from a text file, plain or packed, in the dialect that is found or `written`.

    Raises DataError, with the remedy `give`, where it cannot be read, and where its dialect is in doubt.
    """
    path = find(source, give, "file")
    records = read_records(path, give)
    dialect = find_dialect(records, written)
    decimal = written.decimal or dialect.shown.sign or "."
    cells = _cells(records, dialect, decimal)
    if written.decimal is None and dialect.shown.sign is None and (sign := _sign(records, cells)) != decimal:
        decimal, cells = sign, _cells(records, dialect, sign)
    twice = [name for name, count in Counter(dialect.names).items() if count > 1 and name]
    if twice:
        raise DataError(f"{path}: has more than one column {some(twice)}; rename all but one")
    names = [name or f"Unnamed: {number}" for number, name in enumerate(dialect.names)]
    cells.columns = pd.Index(names)
    empty = [name for name in names if name.startswith("Unnamed: ") and cells[name].isna().all()]
    cells = cells.drop(columns=empty)  # a separator at the end of each line
    notes = [*records.notes, *_dialect_notes(dialect, decimal, cells), *dialect.notes]
    doubtful = dialect.shown.either_point
    if doubtful and decimal == "." and not (written.decimal or dialect.shown.sign or _shows_a_point(cells)):
        notes.append(f"{doubtful} is read with a decimal point; set task.decimal=comma if it marks thousands")
    if len(names) == 1 and records.blank:
        notes.append(f"{records.blank} blank lines between rows are left out: they stand for no missing value")
    return Table(path, cells, np.array(records.lines[dialect.start :]), decimal, notes)


def _cells(records: Records, dialect: Dialect, decimal: Sign) -> pd.DataFrame:
    separator = r"\s+" if dialect.separator == " " else dialect.separator
    rows = io.StringIO("\n".join(records.texts[dialect.start :]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # that fields are left out
            return pd.read_csv(
                rows, sep=separator, header=None, names=range(len(dialect.names)), index_col=False, decimal=decimal,
                skipinitialspace=True, skip_blank_lines=False, na_values=sorted(MISSING - {""}), low_memory=False,
            )  # fmt: skip
    except (ValueError, pd.errors.ParserWarning) as error:
        raise unreadable(records.path, error, "correct its quotation marks, or set task.separator") from error


def _texts(cells: pd.DataFrame) -> list[pd.Series]:
    """The columns that are no numbers as they stand, without missing cells and without columns of dates."""
    columns = (cells[name].dropna().astype(str).str.strip() for name in cells if cells[name].dtype.kind not in "iufb")
    return [
        column for column in columns if len(column) and not (is_stamp(column.iloc[0]) and is_stamp(column.iloc[-1]))
    ]


def _shows_a_point(cells: pd.DataFrame) -> bool:
    """Whether a number cannot be one whose thousands a point sets apart: 1234.5, 0.5, 1.25."""
    values = np.abs(cells.select_dtypes("float").to_numpy(np.float64))
    values = values[np.isfinite(values)]
    fraction = (values % 1 > 0) & ((values < 1) | (values >= 1000))
    return bool((fraction | (np.abs(values * 1000 - np.round(values * 1000)) > 1e-6 * values)).any())


def _sign(records: Records, cells: pd.DataFrame) -> Sign:
    """The decimal sign that texts with a comma or a point show; the first rows did not tell it."""
    texts = _texts(cells)
    found = evidence(cell for column in texts for cell in column)
    if found.point is not None and found.comma is not None:
        raise DataError(
            f"{records.path}, line {records.line_of(found.point)}: {found.point!r} has a decimal point, and "
            f"{found.comma!r} in line {records.line_of(found.comma)} a comma; correct one, or set task.decimal"
        )
    if found.sign is None and (cell := found.either_comma) is not None:
        raise DataError(
            f"{records.path}, line {records.line_of(cell)}: {cell!r} may have a decimal comma or stand for "
            f"{cell.replace(',', '')}; set task.decimal=comma, or task.decimal=point"
        )
    return found.sign or "."


def _dialect_notes(dialect: Dialect, decimal: Sign, cells: pd.DataFrame) -> list[str]:
    """What differs from commas between columns and decimal points; a sign between thousands."""
    found = []
    if len(dialect.names) > 1 and dialect.separator != ",":
        found.append(f"separator {next(name for name, sign in SEPARATORS.items() if sign == dialect.separator)}")
    if decimal != ".":
        found.append("decimal comma")
    texts = _texts(cells)
    if sign := next((sign for column in texts if (sign := thousands(column, decimal))), None):
        found.append(f"{sign!r} between thousands")
    return [", ".join(found)] if found else []
