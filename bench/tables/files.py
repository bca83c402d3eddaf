"""The leaderboard's files: `leaderboard.csv` and one CSV a task, derived anew from the records."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from bench.errors import StoreError
from bench.results.files import write_atomic, writing
from bench.results.store import Store
from bench.tables.tabulate import (
    tabulate,
)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def write(results_dir: str | Path, warn: Callable[[str], object] = _to_stderr) -> pd.DataFrame:
    """Write `leaderboard.csv` and one CSV a task into `results_dir`, and return the whole table.

    Each record that cannot be read becomes one line to `warn`. StoreError where the folder has no runs or takes no
    files.
    """
    store, folder = Store(results_dir), Path(results_dir)
    if not store.runs.is_dir():
        raise StoreError(f"there are no runs in {store.runs}: start one, or choose another folder with results_dir=...")
    rows, warnings = store.rows()
    for warning in warnings:
        warn(warning)
    frame = tabulate(rows)
    tables = {"leaderboard": frame, **{_file_name(str(task)): part for task, part in frame.groupby("task")}}
    with writing(folder):
        for name, table in tables.items():
            write_atomic(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    return frame


def _file_name(task: str) -> str:
    """A task label as a file name; a hash keeps labels apart that would otherwise share one."""
    safe = re.sub(r"[^\w.,=+@()\[\]-]", "_", task, flags=re.ASCII)[:100]
    if safe == task != "leaderboard":
        return task
    return f"{safe}-{hashlib.sha256(task.encode()).hexdigest()[:8]}"
