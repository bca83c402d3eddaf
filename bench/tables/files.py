"""The leaderboard's files: `leaderboard.csv` and a CSV for each task, made from the records each time."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.errors import StoreError
from bench.printable import printable
from bench.results.files import write_atomic, writing
from bench.results.store import Store
from bench.tables import kept
from bench.tables.columns import BEHIND, COLUMNS, Column
from bench.tables.marks import notes
from bench.tables.runs import read
from bench.tables.tabulate import tabulate

log = logging.getLogger("bench")

_MANY = 1000
"""Runs from which on the table is kept."""


def write(
    results_dir: str | Path, warn: Callable[[str], object] | None = None, columns: Sequence[Column] = COLUMNS
) -> pd.DataFrame:
    """Write `leaderboard.csv` and a CSV for each task into `results_dir`, and return the whole table.

    `warn` is called with a line for each record that cannot be read and for each doubt about the rows; by default the
    logger `bench` warns. Raises StoreError where the folder has no runs or cannot be written.
    """
    frame = _tabulate(results_dir, warn or log.warning, columns)
    _write(frame, Path(results_dir))
    return frame


def write_if_possible(results_dir: str | Path, warn: Callable[[str], object] | None = None) -> pd.DataFrame:
    """As `write`, but where the folder cannot be written, `warn` is called with that, too, and the table returned."""
    return table(results_dir, warn).drop(columns=[column.name for column in BEHIND])


def table(results_dir: str | Path, warn: Callable[[str], object] | None = None) -> pd.DataFrame:
    """As `write_if_possible`, with the columns `BEHIND`, which no file has.

    Of many runs it is kept (`bench.tables.kept`): where no run has come or gone since, neither it nor the files are
    made again.
    """
    say, store = warn or log.warning, Store(results_dir)
    state = store.state()  # before the records are read: by a run that ends meanwhile it is another
    if found := kept.read(store.runs, state) if state else None:
        for line in found.lines:
            say(line)
        if found.files == _stamps(found.table, Path(results_dir)):
            return found.table
        made, keeps = found, True
    else:
        unread: list[str] = []
        rows = read(results_dir, unread.append)
        doubts = [*notes(rows)]
        for line in (*unread, *doubts):
            say(line)
        made = kept.Kept(tabulate(rows, (*COLUMNS, *BEHIND)), doubts, {})
        keeps = len(rows) >= _MANY and not unread
    written: kept.Stamps = {}
    try:
        _write(made.table, Path(results_dir))
        written = _stamps(made.table, Path(results_dir))
    except StoreError as error:
        say(f"the tables are shown, but not written: {error}")
    if keeps and state:
        kept.write(store.runs, state, replace(made, files=written))
    return made.table


def _tabulate(
    results_dir: str | Path, warn: Callable[[str], object], columns: Sequence[Column] = COLUMNS
) -> pd.DataFrame:
    rows = read(results_dir, warn)
    for note in notes(rows):
        warn(note)
    return tabulate(rows, columns)


def _write(frame: pd.DataFrame, folder: Path) -> None:
    with writing(folder):
        for name, text in texts(frame).items():
            write_atomic(folder / name, text)


def texts(frame: pd.DataFrame) -> dict[str, str]:
    """The content of each file by its name, for the whole table."""
    parts = {str(task): part for task, part in frame.groupby("task")}
    return {name: to_csv(frame if task is None else parts[task]) for task, name in _names(frame).items()}


def _names(frame: pd.DataFrame) -> dict[str | None, str]:
    """The name of each task's file, and under None of that with all rows."""
    tasks = sorted(map(str, frame["task"].unique()))
    return {None: "leaderboard.csv", **{task: f"{file_name(task)}.csv" for task in tasks}}


def to_csv(table: pd.DataFrame) -> str:
    """CSV without the columns `BEHIND`."""
    shown = table.drop(columns=[column.name for column in BEHIND], errors="ignore")
    return _as_text(shown).to_csv(index=False, lineterminator="\n")


def to_json(table: pd.DataFrame) -> str:
    """A list of objects, one for each row; null for a figure that is not there or infinite."""
    shown = table.drop(columns=[column.name for column in BEHIND], errors="ignore")
    return json.dumps(json.loads(shown.to_json(orient="records", double_precision=15)), indent=1) + "\n"


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table with texts that a spreadsheet cannot take for formulas: those get an apostrophe in front."""
    texts = [str(name) for name in table.select_dtypes(exclude=["number", "bool", "boolean"])]
    return table.assign(**{name: table[name].map(_no_formula, na_action="ignore") for name in texts})


def _no_formula(text: str) -> str:
    text = printable(text)
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])  # some spreadsheets take full-width signs for their own
    return f"'{text}" if first in {"=", "+", "-", "@"} else text


def _stamps(frame: pd.DataFrame, folder: Path) -> dict[str, list[int]]:
    return kept.stamps(folder / name for name in _names(frame).values())


def file_name(task: str) -> str:
    """A task label as a file name; a changed label gets a hash, so that no two labels share a name."""
    safe = re.sub(r"[^\w.,=+@()\[\]-]", "_", task, flags=re.ASCII)[:100]
    if safe == task and task not in ("", "leaderboard"):
        return task
    return f"{safe}-{hashlib.sha256(task.encode()).hexdigest()[:8]}"
