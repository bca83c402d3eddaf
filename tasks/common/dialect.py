"""How a table is written in a text file: separator, decimal sign, header. Found out from its rows, or refused."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.api import DataError

from .dates import is_stamp
from .files import some
from .numerals import MISSING, Evidence, Sign, evidence, is_numeral
from .records import Records

__all__ = ["FOUND_OUT", "MOST_COLUMNS", "SEPARATORS", "Dialect", "WrittenAs", "fields", "find_dialect"]

MOST_COLUMNS = 10_000
"""More would take minutes to read, one by one, and hours to learn from."""

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
DECIMALS: dict[str, Sign] = {"point": ".", "comma": ","}
NONE = "\x1f"  # between the columns of a table that has only one
_SAMPLE = 200  # rows
_CELLS = 20_000  # in the sample at most
_SIGNS = (",", ";", "\t", "|")
_DATA = ("number", "stamp")
_WORTH = {"number": 1.0, "stamp": 1.0, "missing": 1.0, "text": 0.5, "torn": 0.0}
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class WrittenAs:
    """What a user says of a file's dialect; None is found out."""

    separator: str | None = None
    decimal: Sign | None = None
    header: bool | None = None

    @classmethod
    def of(cls, separator: str | None, decimal: str | None, header: bool | None) -> WrittenAs:
        """From the options of a task: signs or their names. Raises ValueError for others."""
        for name, value, known in (("separator", separator, SEPARATORS), ("decimal", decimal, DECIMALS)):
            if value is not None and value not in known and value not in known.values():
                raise ValueError(f"task.{name}={value} must be one of {', '.join(known)}, or null to find it out")
        sign = None if decimal is None else DECIMALS.get(decimal, "." if decimal == "." else ",")
        mark = SEPARATORS.get(separator or "", separator)
        if mark is not None and mark == sign:
            raise ValueError(f"task.separator={separator} and task.decimal={decimal} are the same sign; set one")
        return cls(mark, sign, header)


FOUND_OUT = WrittenAs()


@dataclass(frozen=True)
class Dialect:
    """The `names` of the columns, from the header if there is one, and the row that values start with.

    `shown` is what the sample shows of the decimal sign. `likely` is the share of its cells that make sense, and
    `is_whole` whether all rows have a field for each name, and none looks torn.
    """

    separator: str
    names: list[str]
    start: int
    shown: Evidence
    likely: float
    is_whole: bool
    notes: tuple[str, ...] = ()


def fields(text: str, separator: str) -> list[str]:
    """The fields of a row."""
    if separator == NONE:
        cell = text.strip()
        return [cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell]
    if separator == " ":
        text = " ".join(text.split())
    return [cell.strip() for cell in next(csv.reader([text], delimiter=separator, skipinitialspace=True), [""])]


def find_dialect(records: Records, given: WrittenAs) -> Dialect:
    """The dialect in which most of the first rows' cells are numbers, dates or missing, and none holds a separator.

    Raises DataError where two are as likely, where rows are of uneven width, or where the header cannot be told.
    """
    path, texts = records.path, records.texts
    widest = 1 + max(text.count(sign) for text in texts[:2] for sign in SEPARATORS.values() if sign != " ")
    if widest > MOST_COLUMNS:
        raise DataError(f"{path}: has {widest:,} columns, and at most {MOST_COLUMNS:,} are read; name a smaller table")
    sample = texts[: max(3, min(_SAMPLE, _CELLS // widest))]
    signs = [given.separator] if given.separator else [*(sign for sign in _SIGNS if sign != given.decimal), NONE]
    found = [_read_by(sign, sample, records.comment, given) for sign in signs]
    if given.separator is None and not any(each.is_whole and len(each.names) > 1 for each in found):
        found.append(_read_by(" ", sample, records.comment, given))
    best = max(found, key=lambda each: each.likely)  # the first of equals
    rival = [each for each in found if each.likely == best.likely and len(each.names) != len(best.names)]
    if rival:
        first, second = (len(each.names) for each in (best, rival[0]))
        raise DataError(
            f"{path}, line {records.lines[-1]}: {texts[-1]!r} may be {first} or {second} columns; "
            "set task.separator, task.decimal=point or comma, or task.header"
        )
    _check_widths(records, best)
    return best


def _read_by(separator: str, sample: Sequence[str], comment: str, given: WrittenAs) -> Dialect:
    """The sample as rows of this separator."""
    rows = [fields(text, separator) for text in sample]
    width = Counter(map(len, rows[1:] or rows)).most_common(1)[0][0]
    body = [[_kind(cell, separator, given.decimal) for cell in row] for row in rows[1:] if len(row) == width]
    header = _header(rows, body, width, given)
    names, start, notes = header.names, 1, list(header.notes)
    if names is None:
        names, start = [f"column{number + 1}" for number in range(width)], 0
        if width > 1 and not any(row[-1] for row in rows if len(row) == width):
            names[-1] = ""  # a separator ends each line
        told = fields(comment, separator)
        if len(told) == width and all(_kind(name, separator, None) == "text" for name in told):
            names = told
            notes.append(f"no header: names are those in the comment before, {some(names, 5)}")
        else:
            notes.append(f"no header: columns are named {some([name for name in names if name], 5)}")
        body.insert(0, [_kind(cell, separator, given.decimal) for cell in rows[0]])
    elif _is_units(body, rows, width):
        notes.append(f"the second row is left out, as units: {some([cell for cell in rows[1] if cell], 5)}")
        start = 2
        del body[0]
    scores = [_WORTH[kind] for row in body for kind in row]
    torn = sum(_is_torn(name, separator) for name in names) / len(names)
    same = sum(len(row) == width for row in rows[start:]) / max(1, len(rows) - start)
    likely = sum(scores) / max(1, len(scores)) * same * (1 - torn / 2) * (1 if len(names) == width else 0.5)
    shown = evidence(cell for row in rows[start:] for cell in row)
    is_whole = same == 1 and len(names) == width and not any("torn" in row for row in body)
    return Dialect(separator, names, start, shown, likely, is_whole, tuple(notes))


def _kind(cell: str, separator: str, decimal: Sign | None) -> str:
    if cell in MISSING:
        return "missing"
    if is_numeral(cell, decimal):
        return "number"
    if is_stamp(cell):
        return "stamp"
    return "torn" if _is_torn(cell, separator) else "text"


def _is_torn(cell: str, separator: str) -> bool:
    """Whether a cell holds another separator or several numbers: its row may have been taken apart at the wrong one."""
    if any(sign in cell for sign in _SIGNS if sign != separator):
        return True
    parts = cell.split()
    return len(parts) > 1 and all(is_numeral(part, None) for part in parts)


@dataclass(frozen=True)
class _Header:
    names: list[str] | None
    notes: tuple[str, ...] = ()


def _header(rows: list[list[str]], body: list[list[str]], width: int, given: WrittenAs) -> _Header:
    """The names in the first row; None where it has values. Raises ValueError where it may be either."""
    first = rows[0]
    whole = [row for row in rows[1:] if len(row) == width]
    if given.header is False:
        return _Header(None)
    if len(first) == width - 1 and whole:
        if not any(row[-1] for row in whole):
            return _Header([*first, ""])  # a separator ends each line but the header's
        if _are_row_names([row[0] for row in whole]):
            return _Header(["", *first])  # as R writes them
    if len(first) == width + 1 and not first[-1]:
        first = first[:-1]
    if len(first) != width or given.header or not body:
        return _Header(first)
    holds_data = [sum(kind in _DATA for kind in column) > 0.5 * sum(kind != "missing" for kind in column)
                  for column in zip(*body, strict=True)]  # fmt: skip
    holds_data = holds_data if any(holds_data) else [True] * width
    kinds = [_kind(cell, "", None) for cell, data in zip(first, holds_data, strict=True) if data]
    if not any(kind in _DATA for kind in kinds):
        is_value = bool(kinds) and all(kind == "missing" for kind in kinds) and any(first)
        return _Header(None if is_value else first)
    if any(kind in ("text", "torn") for kind in kinds) or _are_numbered(first):
        numbers = [cell for cell in first if re.fullmatch("[0-9]+", cell)]
        note = f"the first row is read as names, though {some(numbers, 3)} are numbers"
        return _Header(first, (note,) if numbers else ())
    return _Header(None)


def _are_row_names(cells: list[str]) -> bool:
    """Whether these can be the names of rows: numbers that count up, or all different and none a number."""
    if all(re.fullmatch("[0-9]+", cell) for cell in cells):
        return all(int(after) - int(before) == 1 for before, after in itertools.pairwise(cells))
    return len(set(cells)) == len(cells) and not any(is_numeral(cell, None) for cell in cells)


def _are_numbered(first: list[str]) -> bool:
    """Whether names are numbers that count up, at least three or after an empty one, as pandas writes them."""
    counted = first[1:] if not first[0] else first
    if not all(re.fullmatch("[0-9]+", cell) for cell in counted):
        return False
    steps = {int(after) - int(before) for before, after in itertools.pairwise(counted)}
    return steps <= {1} and (len(counted) >= 3 or (not first[0] and counted[:1] == ["0"]))


def _is_units(body: list[list[str]], rows: list[list[str]], width: int) -> bool:
    """Whether the row below the header has no value, and a text above the numbers of some column."""
    if len(rows[1:]) < 2 or len(rows[1]) != width or any(kind in _DATA for kind in body[0]):
        return False
    below = list(zip(*body[1:], strict=True))
    return any(
        kind in ("text", "torn") and sum(each in _DATA for each in column) > 0.5 * len(column)
        for kind, column in zip(body[0], below, strict=False)
    )


def _check_widths(records: Records, dialect: Dialect) -> None:
    """DataError at the first row that has more or fewer fields than there are names."""
    for text, line in zip(records.texts[dialect.start :], records.lines[dialect.start :], strict=True):
        bare = _QUOTED.sub("x", text) if '"' in text else text
        width = len(bare.split()) if dialect.separator == " " else 1 + bare.count(dialect.separator)
        if width != len(dialect.names):
            where = f"line {records.lines[0]}" if line != records.lines[0] else "the others have"
            raise DataError(
                f"{records.path}, line {line}: has {width} fields, and {where} {len(dialect.names)}; "
                "correct the line, or set task.separator, task.decimal or task.header"
            )
