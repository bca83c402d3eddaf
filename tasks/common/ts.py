"""Files in the `.ts` format of the UEA and UCR archives: labelled series of one or more dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench.api import DataError

from .files import read_decoded

__all__ = ["Series", "read_ts"]

Missing = Literal["refuse", "fill"]


@dataclass(frozen=True)
class Series:
    """A file's series, each `[T, F]`, with their class numbers `labels [N]` and the names of the classes."""

    name: str
    classes: list[str]
    sequences: list[Tensor]
    labels: Tensor


def read_ts(path: Path, missing: Missing = "refuse") -> Series:
    """Read a file: `@` headers, `@data`, then a case a line, as `1.0,1.5,?:0.3,0.2,0.1:label`.

    Colons separate the dimensions, commas the time steps. The last part is the class, which `@classLabel` must list. A
    missing value (`?` or NaN) is refused, or filled with the value before it in its dimension (at the start with the
    next known one, 0 where all are missing). Raises DataError, naming the line, for a line that does not fit.
    """
    lines = read_decoded(path, remedy="name a text file in .ts format").splitlines()
    header, first = _header(path, lines)
    classes = _classes(path, header)
    numbers = {name: number for number, name in enumerate(classes)}
    sequences, labels = [], []
    width = _declared_width(path, header)
    for number, line in _cases(lines, first):
        place = f"{path}, line {number}"
        *dimensions, label = line.split(":")
        if label.strip() not in numbers:
            raise DataError(
                f"{place}: class {label.strip()!r} is none of @classLabel: {', '.join(classes)}; correct it"
            )
        width = width or len(dimensions)
        if len(dimensions) != width:
            raise DataError(f"{place}: has {len(dimensions)} dimensions instead of {width}; correct it")
        sequences.append(_sequence(place, dimensions, missing))
        labels.append(numbers[label.strip()])
    if not sequences:
        raise DataError(f"{path}: holds no case after @data; name another file")
    if header.get("equallength") == "true" and len({len(each) for each in sequences}) > 1:
        raise DataError(f"{path}: @equalLength is true, but lengths differ; set it to false")
    return Series(header.get("problemname", path.stem), classes, sequences, torch.tensor(labels))


def _cases(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """The lines that hold a case, with their numbers from 1."""
    for number, line in enumerate(lines[first:], first + 1):
        if line.strip() and not line.startswith("#"):
            yield number, line


def _header(path: Path, lines: list[str]) -> tuple[dict[str, str], int]:
    """The `@` lines by lower-case name, and the number of lines up to and with `@data`."""
    header: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        key, _, value = line.strip().partition(" ")
        if key.lower() == "@data":
            return header, number
        if key.startswith("@"):
            header[key[1:].lower()] = value.strip()
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


def _sequence(place: str, dimensions: list[str], missing: Missing) -> Tensor:
    """One case `[T, F]`."""
    columns = []
    for number, part in enumerate(dimensions, 1):
        try:
            column = np.array(part.replace("?", "nan").split(","), dtype=np.float64)
        except ValueError as error:
            raise DataError(f"{place}, dimension {number}: {error}; correct it") from None
        if np.isinf(column).any():
            raise DataError(f"{place}, dimension {number}: holds an infinite number; correct it")
        columns.append(column)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(f"{place}: dimensions have {min(lengths)} to {max(lengths)} time steps, all must have the same")
    values_TF = np.stack(columns, axis=1)
    if np.isnan(values_TF).any():
        if missing == "refuse":
            raise DataError(f"{place}: has missing values; set task.missing=fill to put the last known one there")
        values_TF = _filled(values_TF)
    return torch.from_numpy(values_TF)


def _filled(values_TF: np.ndarray) -> np.ndarray:
    """Each missing value replaced by the one before it, at the start by the first there is, else by 0."""
    known_TF = ~np.isnan(values_TF)
    first_F = known_TF.argmax(axis=0)
    steps_T1 = np.arange(len(values_TF))[:, None]
    last_TF = np.maximum.accumulate(np.where(known_TF, steps_T1, first_F), axis=0)
    return np.nan_to_num(np.take_along_axis(values_TF, last_TF, axis=0), nan=0.0)
