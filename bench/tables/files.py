"""The leaderboard's files: `leaderboard.csv` and a CSV for each task, made from the records each time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from bench.results.files import write_atomic, writing
from bench.tables.columns import COLUMNS, Column
from bench.tables.runs import read
from bench.tables.tabulate import tabulate


def write(
    results_dir: str | Path, warn: Callable[[str], object] | None = None, columns: Sequence[Column] = COLUMNS
) -> pd.DataFrame:
    """Write `leaderboard.csv` and a CSV for each task into `results_dir`, and return the whole table.

    `warn` is called with a line for each record that cannot be read; by default the logger `bench` warns. Raises
    StoreError where the folder has no runs or cannot be written.
    """
    frame = tabulate(read(results_dir, warn), columns)
    tables = {"leaderboard": frame, **{_file_name(str(task)): part for task, part in frame.groupby("task")}}
    folder = Path(results_dir)
    with writing(folder):
        for name, table in tables.items():
            write_atomic(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    return frame


def _file_name(task: str) -> str:
    """A task label as a file name; a changed label gets a hash, so that no two labels share a name."""
    safe = re.sub(r"[^\w.,=+@()\[\]-]", "_", task, flags=re.ASCII)[:100]
    if safe == task != "leaderboard":
        return task
    return f"{safe}-{hashlib.sha256(task.encode()).hexdigest()[:8]}"
