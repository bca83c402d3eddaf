"""Tables of the UCR archive: a series a line, its class first, then its values, one dimension."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.api import DataError

from .ts import Missing, Series, known, numbers, padding_notes, read_lines, unpadded

__all__ = ["read_ucr"]


def read_ucr(path: Path, missing: Missing = "refuse") -> Series:
    """Read a file of fields between tabs, commas or blanks, as the archive had them over the years.

    Classes are whole numbers (`-1`, `2.0`) or words. Missing values at a line's end pad a shorter series, and end it;
    others are refused or filled as in `.ts` files. Raises DataError, naming the line, for one that does not fit.
    """
    rows = [
        (f"{path}, line {number}", line.strip(" "))
        for number, line in enumerate(read_lines(path, "name a text file, a series a line"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        raise DataError(f"{path}: holds no series; name another file")
    between = next((sign for sign in "\t," if sign in rows[0][1]), None)
    names, sequences, padded, width = [], [], 0, 0
    for place, line in rows:
        name, *fields = [field.strip() for field in line.split(between)]
        width = width or len(fields)
        if len(fields) != width or not width:
            raise DataError(f"{place}: has {len(fields)} values after the class, the first line {width}; correct it")
        values_T1 = numbers(place, ["nan" if field in ("", "?") else field for field in fields])[:, None]
        names.append(_class(place, name))
        if np.isnan(values_T1).all():
            raise DataError(f"{place}: holds no value; remove it")
        ended_T1 = unpadded(values_T1)
        padded += len(ended_T1) < width
        sequences.append(known(place, ended_T1, missing))
    classes = sorted(set(names), key=lambda name: (not _is_number(name), float(name) if _is_number(name) else 0, name))
    labels = torch.tensor([classes.index(name) for name in names])
    notes = [f"{path.name}: the first field of a line is its class", *padding_notes(path, padded, len(names))]
    return Series(path.stem, classes, sequences, labels, notes)


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
