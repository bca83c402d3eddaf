"""A sweep: the fates of its members, also of those in other processes, and the tables at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pandas as pd

from bench.config.options import Options
from bench.errors import BenchError
from bench.job.execute import execute
from bench.job.listener import Listener
from bench.job.log import log
from bench.results.record import Status
from bench.results.store import Store
from bench.tables import files, tabulate

_FATE = "run.json"


class Fate(TypedDict):
    """The outcome of a member, stored in its folder. `id` is the record's id, or the member's name without a record."""

    id: str
    status: Status
    reason: str | None
    results: str
    """The results folder of the run."""


@dataclass(frozen=True)
class SweepResult:
    """A sweep at its end: its number of members, the fates of those that were not killed, its own table."""

    members: int
    fates: list[Fate]
    table: pd.DataFrame
    results: list[Path]
    """The results folders of the runs, each with its tables."""

    @property
    def not_done(self) -> list[Fate]:
        """The members that failed, diverged or were interrupted, by id."""
        return sorted((fate for fate in self.fates if fate["status"] != "done"), key=lambda fate: fate["id"])

    @property
    def done(self) -> int:
        """How many members are done; one whose process was killed is not."""
        return len(self.fates) - len(self.not_done)


def run_member(options: Options, listener: Listener) -> None:
    """Run one member and write its fate into its folder; an error does not stop the other members."""
    assert options.member is not None
    results = options.config.results_dir
    try:
        record = execute(options, listener)
        fate = Fate(id=record.id, status=record.status, reason=record.reason, results=results)
    except BenchError as error:
        listener.refused(error)
        fate = Fate(id=f"member {options.member}", status="failed", reason=str(error), results=results)
    (options.member.folder / _FATE).write_text(json.dumps(fate), encoding="utf-8")


def finish(folder: Path) -> SweepResult:
    """The sweep in `folder` at its end, after writing the tables of all runs in its results folders.

    The fates name these folders. Without any fate, `folder` is taken to be RESULTS/sweeps/SWEEP.
    """
    members = [path for path in folder.iterdir() if path.is_dir()]
    fates: list[Fate] = [
        json.loads(path.read_text("utf-8")) for member in members if (path := member / _FATE).is_file()
    ]
    results = [Path(name) for name in sorted({fate["results"] for fate in fates})] or [folder.parent.parent]
    rows = []
    for each in results:
        files.write_if_possible(each, log.warning)
        rows += tabulate.select(Store(each).rows()[0], {fate["id"] for fate in fates})
    return SweepResult(len(members), fates, tabulate.tabulate(rows), results)
