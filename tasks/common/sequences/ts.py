"""Files in the `.ts` format of the UEA and UCR archives: labelled series of one or more dimensions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench.api import DataError

from ..files.reading import decode, read_unpacked

__all__ = ["Missing", "Series", "known", "numbers", "padding_notes", "read_lines", "read_ts", "unpadded"]

Missing = Literal["refuse", "fill"]


@dataclass(frozen=True)
class Series:
    """A file's series, each `[T, F]` in float64, with their class numbers `labels [N]` and the names of the classes."""

    name: str
    classes: list[str]
    sequences: list[Tensor]
    labels: Tensor
    notes: Sequence[str] = ()


def read_ts(path: Path, missing: Missing = "refuse") -> Series:
    """Read a file: `@` headers, `@data`, then a case a line, as `1.0,1.5,?:0.3,0.2,0.1:label`.

    Colons separate the dimensions, commas the time steps. The last part is the class, which `@classLabel` must list. A
    missing value (`?` or NaN) is refused, or filled with the value before it in its dimension (at the start with the
    next known one, 0 where all are missing); refused ones at the end of all dimensions pad a shorter series, and end
    it. Raises DataError, naming the line, for a line that does not fit.
    """
    lines = read_lines(path, "name a text file in .ts format")
    header, first = _header(path, lines)
    classes = _classes(path, header)
    numbers_of = {name: number for number, name in enumerate(classes)}
    sequences, labels, padded = [], [], 0
    width = _declared_width(path, header)
    for number, line in _cases(lines, first):
        place = f"{path}, line {number}"
        *dimensions, label = line.split(":")
        if label.strip() not in numbers_of:
            raise DataError(
                f"{place}: class {label.strip()!r} is none of @classLabel: {', '.join(classes)}; correct it"
            )
        width = width or len(dimensions)
        if len(dimensions) != width:
            raise DataError(f"{place}: has {len(dimensions)} dimensions instead of {width}; correct it")
        values_TF = _table(place, dimensions)
        ended_TF = unpadded(values_TF) if missing == "refuse" else values_TF
        padded += len(ended_TF) < len(values_TF)
        sequences.append(known(place, ended_TF, missing))
        labels.append(numbers_of[label.strip()])
    if not sequences:
        raise DataError(f"{path}: holds no case after @data; name another file")
    if header.get("equallength", "").lower() == "true" and len({len(each) for each in sequences}) > 1:
        raise DataError(f"{path}: @equalLength is true, but lengths differ; set it to false")
    name = header.get("problemname", path.stem)
    return Series(name, classes, sequences, torch.tensor(labels), padding_notes(path, padded, len(labels)))


def read_lines(path: Path, remedy: str) -> list[str]:
    """The lines of a file in UTF-8, in UTF-16 with its mark, or else in Windows-1252: numbers are the same in all, and
    what is not is in a comment or a class's name.
    """
    content = read_unpacked(path, remedy)
    try:
        text = decode(content, path, "utf-8-sig", remedy)
    except DataError:
        text = decode(content, path, "cp1252", remedy)
    return re.split(r"\r\n|\r|\n", text)


def _cases(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """The lines that hold a case, with their numbers from 1."""
    for number, line in enumerate(lines[first:], first + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _header(path: Path, lines: list[str]) -> tuple[dict[str, str], int]:
    """The `@` lines by lower-case name, and the number of lines up to and with `@data`."""
    header: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        key, *value = line.split(maxsplit=1) or [""]
        if key.lower() == "@data":
            return header, number
        if key.startswith("@"):
            header[key[1:].lower()] = "".join(value).strip()
        elif key and not key.startswith("#"):
            raise DataError(f"{path}, line {number}: {line.strip()[:40]!r} comes before @data; is it a .ts file?")
    raise DataError(f"{path}: has no line @data; is it a .ts file?")


def _classes(path: Path, header: dict[str, str]) -> list[str]:
    flag, *classes = header.get("classlabel", "").split() or [""]
    if flag.lower() != "true" or not classes:
        raise DataError(f"{path}: has no `@classLabel true NAME NAME ...`; name a classification problem")
    if header.get("timestamps", "false").lower() == "true":
        raise DataError(f"{path}: has time stamps (@timeStamps true), which are not read; name a file without them")
    return classes


def _declared_width(path: Path, header: dict[str, str]) -> int | None:
    """The number of dimensions in the header; None where it gives none."""
    if header.get("univariate", "").lower() == "true":
        return 1
    stated = header.get("dimensions", header.get("dimension"))
    if stated is not None and not (stated.isdecimal() and int(stated)):
        raise DataError(f"{path}: @dimensions {stated} is no count; correct it")
    return None if stated is None else int(stated)


def _table(place: str, dimensions: list[str]) -> np.ndarray:
    """One case `[T, F]`, NaN where a value is missing."""
    columns = [
        numbers(f"{place}, dimension {number}", part.replace("?", "nan").split(","))
        for number, part in enumerate(dimensions, 1)
    ]
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(f"{place}: dimensions have {min(lengths)} to {max(lengths)} time steps, all must have the same")
    return np.stack(columns, axis=1)


def numbers(place: str, fields: list[str]) -> np.ndarray:
    """The values of the fields; raises DataError where one is no finite number or NaN."""
    try:
        values_T = np.array(fields, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{place}: {error}; correct it") from None
    if np.isinf(values_T).any():
        raise DataError(f"{place}: holds an infinite number; correct it")
    return values_T


def unpadded(values_TF: np.ndarray) -> np.ndarray:
    """The steps up to the last one at which anything is known; all where nothing is."""
    is_known_T = ~np.isnan(values_TF).all(axis=1)
    return values_TF[: np.flatnonzero(is_known_T)[-1] + 1] if is_known_T.any() else values_TF


def known(place: str, values_TF: np.ndarray, missing: Missing) -> Tensor:
    """A series without missing values: refused, or each replaced by the one before it, at the start by the first there
    is, else by 0.
    """
    known_TF = ~np.isnan(values_TF)
    if known_TF.all():
        return torch.from_numpy(values_TF)
    if missing == "refuse":
        raise DataError(f"{place}: has missing values; set task.missing=fill to put the last known one there")
    first_F = known_TF.argmax(axis=0)
    steps_T1 = np.arange(len(values_TF))[:, None]
    last_TF = np.maximum.accumulate(np.where(known_TF, steps_T1, first_F), axis=0)
    return torch.from_numpy(np.nan_to_num(np.take_along_axis(values_TF, last_TF, axis=0), nan=0.0))


def padding_notes(path: Path, padded: int, count: int) -> list[str]:
    """What is said of series whose end is padded with missing values."""
    return [f"{path.name}: {padded} of {count} series end in missing values, read as their end"] if padded else []
