"""Rows of a leaderboard by column and by option: filters, groups, order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.roles import role_of
from bench.config.tree import flatten, written
from bench.errors import ConfigError, did_you_mean
from bench.results.record import Record
from bench.results.store import Store
from bench.tables.columns import COLUMNS
from bench.tables.runs import fits

_NAMES = tuple(column.name for column in COLUMNS)
_MARKS = {column.name: column.marks for column in COLUMNS if column.marks and column.of != "marks"}
_LESS_IS_BETTER = ("step_us", "step_p99_us", "real_time", "seconds", "params", "joules_a_token", "mean_rank", "rank")


class Selection:
    """The rows of `table`, a leaderboard with the columns `BEHIND`, whose records are in `results_dir`.

    All runs of a row have the same options, of those that labels name, so that those of one are the row's. Raises
    ConfigError for what is neither a column nor such an option of any row.
    """

    def __init__(self, table: pd.DataFrame, results_dir: str | Path) -> None:
        self._table, self._store = table, Store(results_dir)
        self._options = cache(self._read)

    def where(self, wanted: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """The rows that fit: a column has one of the values, or an option, as it is written in a command."""
        found = self._table
        columns = {name: values for name, values in wanted.items() if name in _NAMES}
        for name, values in columns.items():
            found = found[fits(found[name], [*values])]
        for name, values in wanted.items():
            if name not in columns:
                texts = {*map(str, values)}
                found = found[[value in texts for value in self.option(name, found)]]
        return found

    def values(self, name: str, rows: pd.DataFrame) -> list[str]:
        """The column or option `name` of each of `rows`, as it is written; a dash where a row has none."""
        found = [*rows[name]] if name in _NAMES else self.option(name, rows)
        return ["-" if value is None or pd.isna(value) else str(value) for value in found]

    def option(self, name: str, rows: pd.DataFrame | None = None) -> list[str | None]:
        """The option `name` of each of `rows`, as it is written; None where a row has none of this name."""
        rows = self._table if rows is None else rows
        every = [self._options(run) for run in rows["run"]]
        known = dict.fromkeys(key for options in every for key in options)
        if every and name not in known:
            near = did_you_mean(name, [*_NAMES, *known])
            raise ConfigError(
                f"{name}: neither a column of the leaderboard nor an option of its rows{near}; columns are "
                f"{', '.join(_NAMES)}; options are written as in model.hidden"
            )
        if every and role_of(name).column is None:
            raise ConfigError(
                f"{name}: the runs of a row may differ in it, so that no row has one; python -m bench runs lists runs, "
                "by seed too"
            )
        return [written(options[name]) if name in options else None for options in every]

    def _read(self, run: str) -> dict[str, Any]:
        return flatten(Record.read(self._store.runs / run).config)


def parts(frame: pd.DataFrame, group: str | None) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    """The rows for each value of the column `group`, and the line that says it; all rows without one."""
    if group is None:
        yield frame, []
        return
    for value, part in frame.groupby(group, sort=True):
        yield part, [f"{group} {value}"]


def check_columns(text: str, frame: pd.DataFrame) -> list[str]:
    """The names in `text`, parted by commas. Raises ConfigError for one that is no column of `frame`."""
    names = text.split(",")
    for name in names:
        if name not in frame:
            hint, there_are = did_you_mean(name, map(str, frame)), ", ".join(map(str, frame))
            raise ConfigError(f"--columns: {name}: there is no such column{hint}; there are {there_are}")
    return names


def in_order(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows with the best figure in `column` first; texts in alphabetical order. Rows with a mark on it come after
    those without, and rows without a figure last.
    """
    if column not in frame:
        there_are = f"there are {', '.join(map(str, frame))}"
        raise ConfigError(
            f"--sort={column}: there is no such column{did_you_mean(column, map(str, frame))}; {there_are}"
        )
    figures = frame[column]
    if not pd.api.types.is_numeric_dtype(figures):
        return frame.sort_values(column, kind="stable", ignore_index=True)
    figures = figures.astype("float64")
    if column in ("score", "valid", "score_median", "score_min", "score_max", "chance", "solved", "target"):
        figures = figures.where(frame["direction"] == "min", -figures)
    elif not (column in _LESS_IS_BETTER or column.endswith("_mib") or column.startswith("target_")):
        figures = -figures
    marked = frame[marks].notna() if (marks := _MARKS.get(column)) in frame else False
    keys = pd.DataFrame({"lacking": figures.isna(), "marked": marked, "figure": figures})
    return frame.loc[keys.sort_values([*keys], kind="stable").index].reset_index(drop=True)
