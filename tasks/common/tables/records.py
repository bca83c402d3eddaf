"""The rows of a table in a text file: its lines but for blank ones and comments, each with its number in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.api import DataError

from ..files.reading import read_western

__all__ = ["Records", "read_records", "stated_separator"]

_COMMENT = re.compile(r"\s*(#(?!N/?A|DIV/0|VALUE|REF|NUM|NAME|NULL)|%|//)")  # a spreadsheet's #N/A is a missing value
_LONGEST = 1000  # lines in a quoted cell; more, and its closing mark is missing
_SEPARATOR = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)
_MARKUP = re.compile(r"""\{\s*("|$)|\[\s*([\[{]|$)|<(!doctype|html|\?xml)""", re.IGNORECASE)
_EMPTY = re.compile(r"[\s,;|]*")


@dataclass(frozen=True)
class Records:
    """`texts` are the rows as they stand in the file, and `lines` the number of the line in which each begins.

    `comment` is the last one before the first row, without its mark: some programs write the names of columns there.
    `blank` counts the blank lines between rows. `separator` is that of a line `sep=;` at the top, as Excel reads it.
    """

    path: Path
    texts: list[str]
    lines: list[int]
    comment: str
    blank: int
    separator: str | None
    notes: list[str]

    def line_of(self, cell: str) -> int:
        """The line of the first row that holds a cell's text."""
        return next(line for text, line in zip(self.texts, self.lines, strict=True) if cell in text)


def read_records(path: Path, remedy: str) -> Records:
    """Read a file, plain or packed; lines may end as on any system, and rows of separators alone at its end are none.

    Raises DataError where it cannot be read, is no text or no table, or has no rows.
    """
    text, notes = _text(path, remedy)
    texts: list[str] = []
    lines: list[int] = []
    blank, comment, between = 0, "", 0
    separator: str | None = None
    for number, record in _whole_lines(path, text.split("\n")):
        if not record or record.isspace():
            between += 1
        elif not texts and (told := stated_separator(record)):
            separator = told
        elif _COMMENT.match(record):
            comment = comment if texts else record.strip().lstrip("#%/ \t")
        else:
            blank += between if texts else 0
            between = 0
            texts.append(record)
            lines.append(number)
    if texts and _MARKUP.match(texts[0]):
        raise DataError(f"{path}, line {lines[0]}: begins as JSON, HTML or XML does, not as a table; write it as .csv")
    rows = len(texts)
    while texts and _EMPTY.fullmatch(texts[-1]):
        texts.pop()
    if len(texts) < 2:
        raise DataError(f"{path}: no CSV file: it has no rows{' below its header' * len(texts)}; {remedy}")
    if len(texts) < rows:
        notes.append(f"{rows - len(texts)} rows of separators alone at the end are left out")
    return Records(path, texts, lines[: len(texts)], comment, blank, separator, notes)


def stated_separator(line: str) -> str | None:
    """The separator that a line `sep=;` at the top of a file states, as Excel writes and reads it; else None."""
    told = _SEPARATOR.fullmatch(line.strip(" \r\n"))
    return told[1] if told else None


def _whole_lines(path: Path, file: list[str]) -> Iterator[tuple[int, str]]:
    """Each line with its number; one that ends within quotation marks with those that follow, up to the closing one."""
    at = 0
    while at < len(file):
        line, number = file[at], at + 1
        at += 1
        if '"' in line and not _COMMENT.match(line):
            while line.count('"') % 2:
                if at == len(file) or at - number > _LONGEST:
                    raise DataError(f'{path}, line {number}: a quotation mark (") is not closed; correct the line')
                line += "\n" + file[at]
                at += 1
        yield number, line


def _text(path: Path, remedy: str) -> tuple[str, list[str]]:
    """The text of a file with one kind of line end, and a note where its encoding had to be guessed."""
    text, in_utf_8 = read_western(path, f"convert it to UTF-8, or {remedy}")
    notes = [] if in_utf_8 else ["is not in UTF-8; names are read as cp1252, the code of Windows"]
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes
