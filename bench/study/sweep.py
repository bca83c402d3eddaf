"""A sweep: the fates of its members, also of those in other processes, and the tables at its end."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pandas as pd

from bench.config.options import Options
from bench.errors import BenchError
from bench.job.execute import execute
from bench.job.listener import Listener
from bench.job.log import log
from bench.results.files import write_atomic
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
    sweep: str
    """The sweep in this word: a folder may be that of an earlier sweep, too."""


@dataclass(frozen=True)
class SweepResult:
    """A sweep at its end: its number of members, the fates of those that have begun, its own table."""

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

    @property
    def not_begun(self) -> int:
        """How many members have not begun, since processes of the sweep were killed."""
        return self.members - len(self.fates)


def run_member(options: Options, listener: Listener, sweep: str = "") -> None:
    """Run one member of `sweep`, unless it has begun before; an error does not stop the other members.

    Its fate is in its folder. Until the member is at its end, that is the fate of one whose process was killed.
    """
    assert options.member is not None
    place, name = options.member.folder / _FATE, f"member {options.member}"
    if sweep and _read(place, sweep):
        return
    fate = Fate(id=name, status="interrupted", reason=None, results=options.config.results_dir, sweep=sweep)
    said = " ".join(f"{option}={value}" for option, value in {**options.changed, "seed": options.config.seed}.items())
    killed = f"its process was killed, as where memory runs out; the same command goes on with it ({said})"
    write_atomic(place, json.dumps({**fate, "reason": killed}))
    try:
        record = execute(options, listener)
        fate |= {"id": record.id, "status": record.status, "reason": record.reason}
    except BenchError as error:
        listener.refused(error)
        fate |= {"status": "failed", "reason": str(error)}
    write_atomic(place, json.dumps(fate))


def _read(place: Path, sweep: str) -> Fate | None:
    """The fate in a file; None where there is none, or one of another sweep. An empty `sweep` stands for any."""
    with suppress(OSError, ValueError):
        fate: Fate = json.loads(place.read_text("utf-8"))
        if isinstance(fate, dict) and sweep in ("", fate.get("sweep")):
            return fate
    return None


def finish(folder: Path, sweep: str = "", members: int | None = None) -> SweepResult:
    """The sweep in `folder` at its end, after writing the tables of all runs in its results folders.

    The fates name these folders. Without any fate, `folder` is taken to be RESULTS/sweeps/SWEEP. `members` is how many
    there should be, where that is known.
    """
    places = [path for path in folder.iterdir() if path.is_dir()]
    fates = [fate for place in places if (fate := _read(place / _FATE, sweep)) is not None]
    results = [Path(name) for name in sorted({fate["results"] for fate in fates})] or [folder.parent.parent]
    rows = []
    for each in results:
        if not Store(each).runs.is_dir():  # its members died before they had stored anything
            continue
        files.write_if_possible(each, log.warning)
        rows += tabulate.select(Store(each).rows()[0], {fate["id"] for fate in fates})
    return SweepResult(len(places) if members is None else members, fates, tabulate.tabulate(rows), results)
