"""The harness as a library: it runs, sweeps and loads from a script or a notebook, as the command does.

Nothing is printed unless asked for, errors are raised and not turned into exit codes, and torch's threads, generators
and gradient mode are left as they were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from bench.command.progress import shown
from bench.config.away import must_be_there
from bench.config.compose import compose
from bench.config.keywords import results_folder, to_overrides
from bench.config.sweeps.members import compose_sweep
from bench.errors import Diverged, Failed, Held
from bench.job.execute import execute
from bench.job.log import log
from bench.job.reload import Reloaded, reload
from bench.job.trust import Trust
from bench.results.record import Record
from bench.results.store import Store
from bench.study.pace import Pace
from bench.tables import files
from bench.tables.closing import summary
from bench.tables.runs import find_runs


@dataclass(frozen=True)
class Run:
    """A run that is done: its record and its folder. `print(run)` shows the closing table of the command."""

    record: Record
    folder: Path

    @property
    def id(self) -> str:
        """The name of the run's folder."""
        return self.record.id

    @property
    def score(self) -> float | None:
        """The task's metric on test, or on valid where the test split is empty."""
        return self.record.score

    def __str__(self) -> str:
        return f"{summary(self.record)}\n  {'record':<10} {self.folder}"

    def __repr__(self) -> str:
        return f"Run({self.id!r}, score={self.score})"


def run(*words: str, progress: bool = False, **options: Any) -> Run:
    """Train, score, measure and record one run; one that is done already is found and not run again.

    Options are those of the command: `words` as on the command line ("task=copy", "model.hidden=64"), `options` as
    Python values, with a dictionary for a group of them (`model={"hidden": 64}`). `progress` shows the bar, in a
    notebook too.

    Raises ConfigError, DataError or StoreError where the run cannot begin. Raises Diverged or Failed after storing the
    record; the error's attribute `record` is that record. Raises Busy, a ConfigError, while another run is under way in
    this process.
    """
    composed = compose(to_overrides(words, options))
    with shown(progress) as listener:
        record = execute(composed, listener)
    if record.status != "done":
        kind = Diverged if record.status == "diverged" else Failed
        raise kind(f"{record.id} {record.status}: {record.reason}", record)
    return Run(record, Store(composed.config.results_dir).runs / record.id)


def sweep(*words: str, progress: bool = False, **options: Any) -> pd.DataFrame:
    """Run every combination of options, one after the other; a row a run, in that order, with the columns of `runs`.

    A list, tuple or range gives the values to try: `sweep(task="copy", cell=["gru", "lstm"], seed=range(3))`. A member
    that fails or diverges stops no other: its row has its status and reason; to one whose run another process does it
    comes back after the others. The tables in the results folder are written anew. Raises ConfigError where no member
    can be composed, StoreError where the results cannot be written,
    and Busy while another run is under way in this process.
    """
    members, pace = compose_sweep(to_overrides(words, options, sweep=True)), Pace()
    ids, begun = dict[int, str](), set[str]()
    for wait in (False, True):
        for place, composed in enumerate(members):
            if place not in ids:
                folder = composed.config.results_dir
                if folder in begun:
                    must_be_there(Store(folder).runs, log.warning)
                with shown(progress, composed.member, pace) as listener, suppress(Held):
                    ids[place] = execute(composed, listener, wait).id
                begun.add(folder)
    found = [(composed.config.results_dir, ids[place]) for place, composed in enumerate(members)]
    frames = {}
    for folder in dict.fromkeys(folder for folder, _ in found):
        files.write_if_possible(folder)
        frames[folder] = find_runs(folder, {"id": [name for _, name in found]}).set_index("id", drop=False)
    return pd.concat(frames).loc[found].reset_index(drop=True)


def runs(results_dir: str | PathLike[str] = "results", **where: Any) -> pd.DataFrame:
    """The runs in a results folder that match `where`, a row a run: `runs(task="copy", status="done")`.

    Any column filters, by a value or by a list of values. Labels match in full or by name: `task="copy"`
    finds `copy-v1(delay=20)`, `cell="gru"` finds `gru(model.hidden=64)`. Raises ConfigError for an unknown column or
    status, StoreError for a folder without runs.
    """
    return find_runs(_folder(results_dir), where)


def leaderboard(results_dir: str | PathLike[str] = "results") -> pd.DataFrame:
    """The leaderboard as a frame, a row a (task, cell, training regime, budget, hardware).

    Its CSV files are written into the results folder too; the logger `bench` warns where they cannot be. Raises
    StoreError for a folder without runs.
    """
    return files.write_if_possible(_folder(results_dir))


def load(
    run: Run | Record | str | PathLike[str],
    results_dir: str | PathLike[str] = "results",
    trained: bool = True,
    trust: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
    with_this_code: bool = False,
) -> Reloaded:
    """A stored run: `.record`, `.config`, `.curve` (a frame), `.task`, `.model`, `.predict(inputs)`, `.batches(split)`.

    `run` is a `Run`, a `Record`, a run's folder, an id, or the beginning of one: of several runs, the latest. The model
    is on the CPU in evaluation mode, with the best weights, or with the initial weights where not `trained`.

    Code in a file that the record names is run only if this process has run it before, or if `trust` has the file or
    its folder, and only as it was when the run was made; `with_this_code` accepts edited code. Raises StoreError,
    ConfigError or DataError where there is no such run, it has no weights, its code is not trusted or was edited, or
    its data have changed.
    """
    trusted = Trust([trust] if isinstance(trust, (str, PathLike)) else trust, with_this_code)
    if isinstance(run, Run):
        return reload(run.folder, trained, trusted)
    name = run.id if isinstance(run, Record) else str(run)
    return reload(Store(_folder(results_dir)).resolve(name), trained, trusted)


def _folder(results_dir: str | PathLike[str]) -> Path:
    return Path(results_folder(str(results_dir)))
