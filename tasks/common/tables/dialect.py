"""How a table is written in a text file: separator, decimal sign, header. Found out from its rows, or refused."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.api import DataError

from ..files.reading import unreadable
from .header import SIGNS, WORTH, find_header, is_torn, kind_of
from .numerals import Evidence, Sign, evidence
from .records import Records

__all__ = ["FOUND_OUT", "MOST_COLUMNS", "SEPARATORS", "Dialect", "WrittenAs", "fields", "find_dialect"]

MOST_COLUMNS = 10_000
"""More would take minutes to read, one by one, and hours to learn from."""

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
DECIMALS: dict[str, Sign] = {"point": ".", "comma": ","}
NONE = "\x1f"  # between the columns of a table that has only one
_SAMPLE = 200  # rows
_CELLS = 20_000  # in the sample at most
_QUOTED = re.compile(r'(?:(?<=^)|(?<=[,;|\s]))"[^"]*"(?=[,;|\s]|$)')


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
    text = " ".join(text.split()) if separator == " " else text.replace("\n", " ")
    return [cell.strip() for cell in next(csv.reader([text], delimiter=separator, skipinitialspace=True), [""])]


def find_dialect(records: Records, given: WrittenAs) -> Dialect:
    """The dialect in which most of the first rows' cells are numbers, dates or missing, and none holds a separator.

    Raises DataError where two are as likely, where rows are of uneven width, or where the header cannot be told.
    """
    path, texts = records.path, records.texts
    if given.separator is None:
        given = replace(given, separator=records.separator)
    widest = 1 + max(text.count(sign) for text in texts[:2] for sign in SEPARATORS.values() if sign != " ")
    if widest > MOST_COLUMNS:
        raise DataError(f"{path}: has {widest:,} columns, and at most {MOST_COLUMNS:,} are read; name a smaller table")
    sample = texts[: max(3, min(_SAMPLE, _CELLS // widest))]
    in_quotes = any('"' in text for text in sample)  # where a comma may be both: "1,5","2,5"
    known = [sign for sign in SIGNS if sign != given.decimal or in_quotes]
    signs = [given.separator] if given.separator else [*known, NONE]
    try:
        found = [_read_by(sign, sample, records.comment, given) for sign in signs]
    except csv.Error as error:  # a field that is longer than any text
        raise unreadable(path, error, "name a file with numbers") from error
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
    kinds = [[kind_of(cell, separator, given.decimal) for cell in row] for row in rows]
    is_quoted = sample[-1].startswith('"')
    header = find_header(rows, kinds, width, fields(comment, separator), separator, is_quoted, given.header)
    body = [row for row in kinds[header.start :] if len(row) == width]
    scores = [WORTH[kind] for row in body for kind in row]
    torn = sum(is_torn(name, separator) for name in header.names) / len(header.names)
    same = len(body) / max(1, len(rows) - header.start)
    likely = sum(scores) / max(1, len(scores)) * same * (1 - torn / 2) * (1 if len(header.names) == width else 0.5)
    shown = evidence(cell for row in rows[header.start :] for cell in row)
    is_whole = same == 1 and len(header.names) == width and not any("torn" in row for row in body)
    return Dialect(separator, header.names, header.start, shown, likely, is_whole, header.notes)


def _check_widths(records: Records, dialect: Dialect) -> None:
    """DataError at the first row that has more or fewer fields than there are names."""
    for text, line in zip(records.texts[dialect.start :], records.lines[dialect.start :], strict=True):
        width = _width(text, dialect.separator)
        if width != len(dialect.names):
            first = _width(records.texts[0], dialect.separator) == len(dialect.names)
            raise DataError(
                f"{records.path}, line {line}: has {width} field{'s' * (width != 1)}, not {len(dialect.names)}"
                f"{f' as line {records.lines[0]}' * first}; correct the line, write # before lines that are no rows, "
                "or set task.separator, task.decimal, task.header"
            )


def _width(text: str, separator: str) -> int:
    """The number of fields of a row; most rows have no quotation marks, or whole cells within them, and are quick."""
    bare = _QUOTED.sub("x", text) if '"' in text else text
    if '"' in bare:
        return len(fields(text, separator))
    return len(bare.split()) if separator == " " else 1 + bare.count(separator)
