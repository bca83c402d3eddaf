"""Tables of labelled texts, csv and tsv: separator, header and columns are found out, and no text is cut in silence."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bench.api import DataError

from ..files.reading import read_western, some
from ..tables.records import stated_separator
from .labelled_texts import Row
from .words import unspaced_note

__all__ = ["Columns", "names_text_and_label", "read_text_table"]

_TEXTS = ("text", "review", "sentence", "content", "comment", "tweet", "question", "message")
_PARTS = ("title", "headline", "description", "body", "abstract")
_LABELS = ("label", "sentiment", "class", "class index", "category", "topic", "target", "polarity", "intent")
_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LINES, _FIELD, _SAMPLE = 100, 2**16, 1000
"""How many lines of a table, up to which character, tell its separator, and how many its columns."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold the text, in parts that are joined by a space, and which the label; None where none does.

    `names` are the header's, None where the table has none.
    """

    text: tuple[int, ...]
    label: int | None
    names: tuple[str, ...] | None

    def note(self) -> str:
        if self.names is None:
            columns = f"column{'s' * (len(self.text) > 1)} {' and '.join(str(number + 1) for number in self.text)}"
            return f"no header: text from {columns}, label from column {(self.label or 0) + 1}"
        label = "" if self.label is None else f", label from {self.names[self.label]!r}"
        return f"text from {' and '.join(repr(self.names[number]) for number in self.text)}{label}"


class _Line(NamedTuple):
    number: int
    fields: list[str]


def read_text_table(path: Path, notes: list[str], like: Columns | None = None) -> tuple[list[Row], Columns]:
    """The rows of a table, and in which columns text and label were found: by name, else by what the columns hold.

    `notes` take in how the table was read. `like` are the columns of the train split, of which a held-out table has at
    least the text. A row without the field of its text has an empty text. Raises DataError, naming the line, for one
    with more fields than the first, and for a table of which text or label cannot be told.
    """
    text, in_utf_8 = read_western(path)
    if not in_utf_8:
        notes.append(f"{path.name} is not UTF-8 and is read as cp1252")
    if "\n" not in text:
        text = text.replace("\r", "\n")  # as the old Macintosh ends lines
    stated = stated_separator(text.partition("\n")[0])
    separator = stated or _separator(text)
    lines = _lines(text, separator, path)[1 if stated else 0 :]
    if not lines:
        raise DataError(f"{path}: has no line; name a table with columns text and label")
    columns = _alike(lines, like, path, notes) if like else _columns(lines, path)
    if not like:
        notes.append(columns.note())
    width = len(lines[0].fields)
    rows = []
    for number, fields in lines[columns.names is not None :]:
        if len(fields) > width:
            raise DataError(
                f"{path}:{number}: has {len(fields)} fields between {_SEPARATORS[separator]}, the first line {width}; "
                'put texts in quotes ("a, b"), or separate the columns by tabs'
            )
        found = [fields[column].strip() for column in columns.text if column < len(fields)]
        label = "" if columns.label is None or columns.label >= len(fields) else fields[columns.label].strip()
        rows.append(Row(" ".join(found), label, f"{path}:{number}"))
    return rows, columns


def names_text_and_label(first: str) -> bool:
    """Whether the first line of a file is the header of a table of labelled texts."""
    return any(_named(first.replace('"', "").split(separator)) == 2 for separator in _SEPARATORS)


def _named(header: Sequence[str]) -> int:
    """How many of text and label a header names."""
    names = {name.strip().lower() for name in header}
    return sum(not names.isdisjoint(known) for known in (_TEXTS + _PARTS, _LABELS))


def _separator(text: str) -> str:
    """The separator under which the first line names text and label, else under which most lines have equal widths."""
    sample = [line[:_FIELD] for line in islice(io.StringIO(text), _LINES)]

    def fit(separator: str) -> tuple[int, float]:
        try:
            rows = list(csv.reader(sample, delimiter=separator))
        except csv.Error:  # a carriage return within a field
            return 0, 0.0
        if not rows or len(rows[0]) < 2:
            return 0, 0.0
        return _named(rows[0]), sum(len(row) == len(rows[0]) for row in rows) / len(rows)

    return max(_SEPARATORS, key=fit)


def _lines(text: str, separator: str, path: Path) -> list[_Line]:
    """The fields of each line that is not blank, with its number; quotes count as such unless they cannot."""
    if separator == "\t" and _bare_quotes(text):
        rows = csv.reader(io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        return [_Line(rows.line_num, row) for row in rows if row]
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}: is no csv ({error}); correct the line") from None


def _bare_quotes(text: str) -> bool:
    """Whether a field begins with a quote that its end does not match, as in texts that nobody quoted (GLUE)."""
    fields = (field.strip() for line in text.splitlines() if '"' in line for field in line.split("\t"))
    return any(field.startswith('"') and not _QUOTED.fullmatch(field) for field in fields)


def _columns(lines: Sequence[_Line], path: Path) -> Columns:
    header = [name.strip() for name in lines[0].fields]
    names = [name.lower() for name in header]
    text = tuple(names.index(name) for name in _TEXTS if name in names)[:1]
    text = text or tuple(number for number, name in enumerate(names) if name in _PARTS)
    label = next((names.index(name) for name in _LABELS if name in names), None)
    if text and label is not None:
        return Columns(text, label, tuple(header))
    return _columns_by_content(lines, header, text, label, path)


def _columns_by_content(
    lines: Sequence[_Line], header: list[str], text: tuple[int, ...], label: int | None, path: Path
) -> Columns:
    """The columns that no name tells: texts have two words or more (or a script without spaces) and seldom come twice;
    labels are short, few, and come again and again.
    """
    rows = [line.fields for line in lines[1:_SAMPLE] if len(line.fields) == len(header)]
    texts, labels = [], []
    for number in range(len(header)):
        cells = [row[number].strip() for row in rows]
        different = len(set(cells))
        words = sum(len(cell.split()) for cell in cells) / max(len(cells), 1)
        if different > len(cells) / 2 and (words >= 2 or unspaced_note("".join(cells))):
            texts.append(number)
        elif 2 <= different <= len(cells) / 2 and words < 3:
            labels.append(number)
    labels = [label] if label is not None else _likeliest(labels, header, rows)
    text = text or tuple(number for number in texts if number not in labels)
    if not text or len(labels) != 1:
        raise DataError(f"{path}: has the columns {some(header) or 'none'}; name two of them text and label")
    headless = header[labels[0]] in {row[labels[0]].strip() for row in rows}
    return Columns(text, labels[0], None if headless else tuple(header))


def _likeliest(labels: list[int], header: list[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Of several columns that may be labels that of which the last word names one (`airline_sentiment`), else, without
    a header, the one of zeros and ones (as in CoLA of GLUE); all, where none or several are.
    """
    if len(labels) < 2:
        return labels
    named = [number for number in labels if re.split(r"[\W_]", header[number].lower())[-1] in _LABELS]
    binary = [number for number in labels if {header[number], *(row[number] for row in rows)} == {"0", "1"}]
    return next((found for found in (named, binary) if len(found) == 1), labels)


def _alike(lines: Sequence[_Line], like: Columns, path: Path, notes: list[str]) -> Columns:
    """The same columns in another table: by name, whatever its case, where both have a header, else at the same places.

    A header of its own may have other names of text and label.
    """
    header = [name.strip() for name in lines[0].fields]
    if like.names is not None:
        names, known = [name.lower() for name in header], [name.lower() for name in like.names]
        wanted = [known[number] for number in like.text]
        if set(wanted) <= set(names):
            label = None if like.label is None or known[like.label] not in names else names.index(known[like.label])
            return Columns(tuple(map(names.index, wanted)), label, tuple(header))
    if _named(header) == 2:
        return _columns(lines, path)
    if like.names is not None:
        if not _is_no_label(lines, like.label):
            return Columns(like.text, like.label, None)
        notes.append(f"{path.name}: the first line is read as a header: {some(header, 5)}")
        return Columns(like.text, like.label, tuple(header))
    is_narrower = len(header) <= max(*like.text, like.label or 0)  # GLUE's test split has texts alone
    return Columns(like.text, None, None) if is_narrower else like


def _is_no_label(lines: Sequence[_Line], label: int | None) -> bool:
    """Whether the first line has a label of its own where all others have each other's, so that it is a header."""
    cells = [line.fields[label].strip() for line in lines if label is not None and label < len(line.fields)]
    different = set(cells[1:])
    return cells[:1] != [] and cells[0] not in different and 0 < len(different) <= len(cells[1:]) / 2
