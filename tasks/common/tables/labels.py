"""Where a series is anomalous: a column of labels in its table, or windows of time in a file beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from bench.api import DataError, file_hash

from ..files.packed import unpacked_name
from ..files.prepared import check_checksum
from ..files.reading import find, read_decoded, some
from .dates import read_stamps
from .dialect import WrittenAs
from .roles import Roles, roles_of
from .series import Series, series_of
from .table import Table, read_table

__all__ = ["read_labelled"]

_NAMES = frozenset("label labels anomaly anomalies isanomaly anomalylabel isoutlier outlier groundtruth".split())
_CHANGE = "changepoint"
"""A column beside labels in the tables of Yahoo and SKAB that says as much: no input, and no label of anomalies."""


def read_labelled(
    source: str,
    columns: Sequence[str] | None,
    predict: str | None,
    date: str | None,
    label: str | None,
    windows: str | None,
    checksum: str | None,
    written: WrittenAs,
) -> tuple[Series, np.ndarray]:
    """The series of a CSV file and its labels `[N]`, 1 where it is anomalous.

    They are in the column `label`, or in `windows`, a JSON file as that of the Numenta Anomaly Benchmark; None for both
    takes the column of zeros and ones that is named like one. Raises DataError where there are none, or in doubt.
    """
    table = read_table(source, written, "give generated, or the path of a CSV file")
    beside = [] if windows is None else [find(windows, "give the path of a JSON file", "file", "windows")]
    fingerprint = file_hash(table.path, *beside)
    check_checksum(source, fingerprint, checksum)
    if windows is None and label is None:
        label = _found(table)
    if label is not None:
        _column(table, label)  # what is wrong with labels is told before all else
    names = [name for name in table.names if name == label or _is_named_so(name) or name.lower() == _CHANGE]
    roles = roles_of(table, columns, predict, date, [name for name in names if name != predict])
    if beside:
        labels, how = _in_windows(roles, beside[0])
    else:
        labels, how = _column(roles.table, str(label)), f"the column {label}"
    series = series_of(source, roles, "interpolate", fingerprint)
    note = f"anomalies by {how}: {int(labels.sum()):,} of {len(labels):,} rows"
    return replace(series, notes=(series.notes[0], note, *series.notes[1:])), labels


def _is_named_so(name: str) -> bool:
    return "".join(filter(str.isalpha, name.lower())) in _NAMES


def _found(table: Table) -> str:
    """The first column that is named like one of labels."""
    found = next((name for name in table.names if _is_named_so(name)), None)
    if found is None:
        raise DataError(
            f"{table.path}: has no column of labels among {some(table.names)}; name it by task.label, or give windows "
            "of anomalies by task.windows=FILE.json"
        )
    return found


def _column(table: Table, name: str) -> np.ndarray:
    table.column(name, "label")
    labels = table.values(name)
    wrong = ~np.isin(labels, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        cell = "empty" if np.isnan(labels[row]) else repr(str(table.cells[name].iloc[row]))
        raise DataError(
            f"{table.path}, line {table.lines[row]}: the label {name} is {cell}, neither 0 (normal) nor 1 (anomalous); "
            "correct it, or name another column by task.label"
        )
    return labels


def _in_windows(roles: Roles, path: Path) -> tuple[np.ndarray, str]:
    """1 in each window from its first to its last time; and how many windows there are, in words."""
    if roles.times is None:
        raise DataError(f"{roles.table.path}: has no column of dates for the windows of {path}; name it by task.date")
    pairs = _pairs(_of_file(path, roles.table.path), path)
    times = roles.times
    if times.dtype.kind == "M":
        stamps = pd.Series([stamp for pair in pairs for stamp in pair], dtype=object)
        try:
            found = read_stamps(stamps)
        except ValueError as error:
            raise DataError(f"{path}: the times of its windows: {error}; write them as 1999-12-31") from None
        if found is None or np.isnat(found[0]).any():
            raise DataError(f"{path}: its windows hold {pairs[0][0]!r}, no date; write them as 2014-11-01 19:00:00")
        bounds = found[0].reshape(-1, 2)
    else:
        bounds = np.array(pairs, np.float64)
    inside = [(times >= start) & (times <= end) for start, end in bounds]
    if empty := [pair for pair, rows in zip(pairs, inside, strict=True) if not rows.any()]:
        raise DataError(
            f"{path}: {len(empty)} of {len(pairs)} windows hold no row of {roles.table.path}, the first "
            f"{empty[0][0]} to {empty[0][1]}; correct the window, or name another file"
        )
    return np.any(inside, axis=0).astype(np.float64), f"{len(pairs)} window{'s' * (len(pairs) != 1)} of {path.name}"


def _of_file(path: Path, table: Path) -> Any:
    """What a JSON file holds for a table: the entry of its name, or all where there are no names."""
    try:
        content = json.loads(read_decoded(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: is no JSON ({error}); give a file such as combined_windows.json") from error
    if not isinstance(content, dict):
        return content
    name = unpacked_name(table)
    keys = [key for key in content if PurePosixPath(key).name == name]
    if len(keys) != 1:
        raise DataError(f"{path}: has {len(keys)} entries for {name} among {some(sorted(content), 5)}; rename the file")
    return content[keys[0]]


def _pairs(windows: Any, path: Path) -> list[tuple[Any, Any]]:
    """Windows as first and last time; a time by itself is a window of one row."""
    is_scalar = (str, int, float)
    pairs = [(window, window) if isinstance(window, is_scalar) else window for window in windows or ()]
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise DataError(f"{path}: has no list of [first time, last time] for this table; correct it")
    return [(pair[0], pair[1]) for pair in pairs]
