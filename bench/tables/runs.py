"""Single runs as a frame: a row for each attempt, read from the store's index, filtered by column."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd

from bench.errors import ConfigError, StoreError, did_you_mean
from bench.results.record import Status
from bench.results.row import Row
from bench.results.store import Store

COLUMNS = tuple(name for name in Row._fields if name != "written")
"""The columns of a frame of runs: labels, seed, status and reason, scores, speeds, memory, when it finished."""

_DTYPES = {float | None: "float64", int | None: "Int64", bool | None: "boolean"}  # the latter may be missing
_LABELS = ("task", "cell", "bptt")  # a name, and in parentheses the options that the run changed


def read(results_dir: str | Path, warn: Callable[[str], object] | None = None) -> list[Row]:
    """The rows of all runs in `results_dir`, sorted by id.

    `warn` is called with a line for each record that cannot be read; by default the logger `bench` warns. Raises
    StoreError where the folder has no runs.
    """
    store = Store(results_dir)
    if not store.runs.is_dir():
        raise StoreError(f"there are no runs in {store.runs}: start one, or choose another folder with results_dir=...")
    rows, warnings = store.rows()
    for warning in warnings:
        (warn or logging.getLogger("bench").warning)(warning)
    return rows


def find_runs(
    results_dir: str | Path = "results",
    where: Mapping[str, Any] | None = None,
    warn: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """The runs in `results_dir` that match `where`, with `COLUMNS`, sorted by id; a row for each attempt.

    `where` maps a column to the wanted value, or to several alternatives; None matches a missing figure. Labels match
    in full or by name. `task="copy"` finds `copy-v1` and `copy-v1(delay=20)`; `task="copy-v1"` finds only this version;
    `task="copy_bai"`, as the option is written, finds `copy-bai-v1`. `cell="gru"` also finds `gru(model.hidden=64)`.

    Raises ConfigError for an unknown column or status, StoreError for a folder without runs. `warn` as for `read`.
    """
    wanted = {column: _several(value) for column, value in (where or {}).items()}
    _check(wanted)
    table = frame(read(results_dir, warn))
    for column, values in wanted.items():
        table = table[fits(table[column], values)]
    return table.reset_index(drop=True)


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """`rows` as a frame with `COLUMNS`; `finished` is a time in UTC, and `seed_data` the seed itself where that of the
    data was not set apart."""
    table = pd.DataFrame(list(rows), columns=list(Row._fields))[list(COLUMNS)]
    hints = get_type_hints(Row)
    dtypes = {name: _DTYPES[hints[name]] for name in COLUMNS if hints[name] in _DTYPES}
    return table.astype(dtypes).assign(
        seed_data=lambda each: each["seed_data"].fillna(each["seed"]),
        finished=pd.to_datetime(table["finished"], utc=True, errors="coerce", format="ISO8601"),
    )


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _check(wanted: Mapping[str, list[Any]]) -> None:
    for column in wanted:
        if column not in COLUMNS:
            there_are = f"there are {', '.join(COLUMNS)}"
            raise ConfigError(f"{column}: runs have no such column{did_you_mean(column, COLUMNS)}; {there_are}")
    statuses = get_args(Status)
    for status in wanted.get("status", []):
        if status not in statuses:
            hint = did_you_mean(str(status), statuses)
            raise ConfigError(f"status={status}: there is no such status{hint}; there are {', '.join(statuses)}")


def fits(figures: pd.Series[Any], values: list[Any]) -> pd.Series[bool]:
    """A mask of the column's figures that match one of `values`; labels as for `find_runs`, whatever their marks."""
    if figures.name in _LABELS:
        fitting = [label for label in figures.unique() if not _names(str(figures.name), label).isdisjoint(values)]
        return figures.isin(fitting)
    return figures.isin(values) | (figures.isna() if None in values else False)


def _names(column: str, label: str) -> set[str]:
    """The names that match a label: `copy-v1(delay=20)`, `copy-v1` and `copy` for the first of them."""
    name = re.split(r"\(| \+|[#@]", label)[0]
    if column != "task":
        return {label, name}
    unversioned = re.sub(r"-v\d+$", "", name)
    return {label, name, unversioned, unversioned.replace("-", "_")}
