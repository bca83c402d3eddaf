"""The head of a table: the names of its columns, a row of units below them, or none; by the kinds of their cells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..files.reading import some
from .dates import is_stamp
from .numerals import MISSING, Sign, is_numeral

__all__ = ["SIGNS", "WORTH", "Header", "Kind", "find_header", "is_torn", "kind_of"]

Kind = Literal["number", "stamp", "missing", "text", "torn"]
SIGNS = (",", ";", "\t", "|")
WORTH: dict[Kind, float] = {"number": 1.0, "stamp": 1.0, "missing": 1.0, "text": 0.5, "torn": 0.0}
"""How much each kind of cell speaks for the separator by which it was found."""

_DATA = ("number", "stamp")
_UNITS = 3  # rows of units at most
_COUNT = re.compile("[0-9]+")


@dataclass(frozen=True)
class Header:
    """The `names` of the columns, the row that values `start` with, and `notes` where that is a choice."""

    names: list[str]
    start: int
    notes: tuple[str, ...] = ()


def kind_of(cell: str, separator: str, decimal: Sign | None) -> Kind:
    """What a cell holds, with either decimal sign where None is given."""
    if cell in MISSING:
        return "missing"
    if is_numeral(cell, decimal):
        return "number"
    if is_stamp(cell):
        return "stamp"
    return "torn" if is_torn(cell, separator) else "text"


def is_torn(cell: str, separator: str) -> bool:
    """Whether a cell holds another separator or several numbers: its row may have been taken apart at the wrong one."""
    if any(sign in cell for sign in SIGNS if sign != separator):
        return True
    parts = cell.split()
    return len(parts) > 1 and all(is_numeral(part, None) for part in parts)


def find_header(
    rows: Sequence[list[str]],
    kinds: Sequence[list[Kind]],
    width: int,
    comment: list[str],
    separator: str,
    is_quoted: bool,
    is_there: bool | None,
) -> Header:
    """The header of rows whose cells are of these `kinds`, most of them `width` wide; `is_there` if the user says so.

    Without one the columns have the names in the `comment` before, if there are as many, else numbers. `is_quoted`
    where the first cell of rows is in quotation marks, as R writes the names of rows.
    """
    whole = [row for row in rows[1:] if len(row) == width]
    names = _padded(rows[0], whole, width, separator != ",", is_quoted)
    doubt: tuple[str, ...] = ()
    if is_there is None and len(names) == width and whole:
        is_there, doubt = _are_names(names, kinds)
    if is_there is False:
        return _unnamed(rows, width, comment)
    start, notes = 1, list(doubt)
    while start <= _UNITS and len(names) == width and _are_units(kinds[start:], width):
        notes.append(f"a row below the header is left out, as units: {some([cell for cell in rows[start] if cell], 5)}")
        start += 1
    return Header(names, start, tuple(notes))


def _padded(first: list[str], whole: Sequence[list[str]], width: int, is_sure: bool, is_quoted: bool) -> list[str]:
    """The first row with as many names as there are columns, where a column may do without.

    It `is_sure` that no decimal comma makes rows wider than the header.
    """
    if len(first) == width - 1 and whole:
        if not any(row[-1] for row in whole):
            return [*first, ""]  # a separator ends each line but the header's
        names = [row[0] for row in whole]
        is_counted = all(_COUNT.fullmatch(name) for name in names) and _counts_up(names)
        is_apart = len(set(names)) == len(names) and not any(is_numeral(name, None) for name in names)
        if (is_counted and (is_sure or is_quoted or width == 2)) or (is_apart and is_sure):
            return ["", *first]  # names of rows, as R writes them
    return first[:-1] if len(first) == width + 1 and not first[-1] else first


def _are_names(first: list[str], kinds: Sequence[list[Kind]]) -> tuple[bool, tuple[str, ...]]:
    """Whether the first row has names, seen from the columns that hold data below it; a note where it is a choice."""
    width = len(first)
    columns = list(zip(*(row for row in kinds[1:] if len(row) == width), strict=True))
    holds_data = [sum(k in _DATA for k in column) > 0.5 * sum(k != "missing" for k in column) for column in columns]
    holds_data = holds_data if any(holds_data) else [True] * width
    above = [kind_of(cell, "", None) for cell, data in zip(first, holds_data, strict=True) if data]
    if not any(kind in _DATA for kind in above):
        return not all(kind == "missing" for kind in above) or not any(first), ()
    if not any(kind in ("text", "torn") for kind in above) and not _are_numbered(first, holds_data):
        return False, ()
    numbers = [cell for cell in first if _COUNT.fullmatch(cell)]
    return True, (f"the first row is read as names, though {some(numbers, 3)} are numbers",) if numbers else ()


def _are_numbered(first: list[str], holds_data: list[bool]) -> bool:
    """Whether names above data count up, as years do: three of them, two beside a text, or 0 after an empty name."""
    counted = [cell for cell, data in zip(first, holds_data, strict=True) if data and cell]
    beside_text = any(cell and not data for cell, data in zip(first, holds_data, strict=True))
    enough = len(counted) >= (2 if beside_text else 3) or (not first[0] and counted[:1] == ["0"])
    return enough and all(_COUNT.fullmatch(cell) for cell in counted) and _counts_up(counted)


def _counts_up(cells: Sequence[str]) -> bool:
    return all(int(after) - int(before) == 1 for before, after in itertools.pairwise(cells))


def _are_units(kinds: Sequence[list[Kind]], width: int) -> bool:
    """Whether the first of the rows below the header has no value, and a text above the numbers of some column."""
    body = [row for row in kinds[1:] if len(row) == width]
    if not body or len(kinds[0]) != width or any(kind in _DATA for kind in kinds[0]):
        return False
    return any(
        kind in ("text", "torn") and sum(each in _DATA for each in column) > 0.5 * len(column)
        for kind, column in zip(kinds[0], zip(*body, strict=True), strict=True)
    )


def _unnamed(rows: Sequence[list[str]], width: int, comment: list[str]) -> Header:
    """Columns without a header, the last one none where a separator ends each line."""
    if len(comment) == width and all(kind_of(name, "", None) in ("text", "torn") for name in comment):
        return Header(comment, 0, (f"no header: names are those in the comment before, {some(comment, 5)}",))
    names = [f"column{number + 1}" for number in range(width)]
    told = names
    if width > 1 and not any(row[-1] for row in rows if len(row) == width):
        names, told = [*names[:-1], ""], names[:-1]
    return Header(names, 0, (f"no header: columns are named {some(told, 5)}",))
