"""Tables of the UCR archive: a series a line, its class first, then its values, one dimension."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.api import DataError

from ..files.reading import some
from .ts import Missing, Series, known, numbers, padding_notes, read_lines, unpadded

__all__ = ["read_ucr"]


def read_ucr(path: Path, missing: Missing = "refuse") -> Series:
    """Read a file of fields between tabs, commas or blanks, as the archive had them over the years.

    Classes are whole numbers (`-1`, `2.0`) or words. Missing values at a line's end pad a shorter series, and end it;
    others are refused or filled as in `.ts` files. Raises DataError, naming the line, for one that does not fit.
    """
    rows = _rows(path)
    has_header = len(rows) > 1 and _is_header(*rows[0][1:])
    names, sequences, padded = [], [], 0
    width = len(rows[0]) - 2
    for place, name, *fields in rows[has_header:]:
        if len(fields) != width or not width:
            raise DataError(f"{place}: has {len(fields)} values after the class, the first line {width}; correct it")
        values_T1 = numbers(place, fields)[:, None]
        names.append(_class(place, name))
        if np.isnan(values_T1).all():
            raise DataError(f"{place}: holds no value; remove it")
        ended_T1 = unpadded(values_T1)
        padded += len(ended_T1) < width
        sequences.append(known(place, ended_T1, missing))
    classes = sorted(set(names), key=lambda name: (not _is_number(name), float(name) if _is_number(name) else 0, name))
    if len(classes) == len(names) > 2:
        raise DataError(
            f"{path}: each of its {len(names)} lines has a class of its own; put the class first in each line"
        )
    notes = [
        f"{path.name}: classes are the first field of each line: {some(classes, 5)}",
        *([f"{path.name}: its first line is a header"] if has_header else []),
        *padding_notes(path, padded, len(names)),
    ]
    return Series(path.stem, classes, sequences, torch.tensor([classes.index(name) for name in names]), notes)


def _rows(path: Path) -> list[tuple[str, ...]]:
    """Each line's place and fields, `nan` for an empty one; raises DataError where there is none."""
    rows = [
        (f"{path}, line {number}", line.strip(" "))
        for number, line in enumerate(read_lines(path, "name a text file, a series a line"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        raise DataError(f"{path}: holds no series; name another file")
    between = next((sign for sign in "\t," if sign in rows[0][1]), None)
    split = [(place, *map(str.strip, line.split(between))) for place, line in rows]
    return [
        (place, name, *("nan" if field in ("", "?") else field for field in fields)) for place, name, *fields in split
    ]


def _is_header(name: str, *fields: str) -> bool:
    """Whether a line holds words where values stand, or counts its columns as pandas does where they have no names."""
    counted = [str(number) for number in range(len(fields) + 1)]
    counts = len(fields) > 2 and (list(fields) == counted[:-1] or [name, *fields] == counted)
    return counts or (bool(fields) and not any(_is_number(field) or field.lower() == "nan" for field in fields))


def _class(place: str, field: str) -> str:
    """A class's name, the same for `1`, `1.0` and `1.0000000e+00`."""
    if not _is_number(field):
        if not field:
            raise DataError(f"{place}: its first field, the class, is empty; correct it")
        return field
    value = float(field)
    if value != int(value):
        raise DataError(f"{place}: class {field} is no whole number; put the class first in each line, then the values")
    return str(int(value))


def _is_number(field: str) -> bool:
    try:
        return bool(np.isfinite(float(field)))
    except ValueError:
        return False
