"""A sweep: the fates of its members, also of those in other processes, and the tables at its end."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.config.away import must_be_there, wait_for
from bench.config.options import AGAIN, Member, Options
from bench.errors import BenchError, Held
from bench.job.execute import execute
from bench.job.listener import Listener, together
from bench.job.log import log
from bench.results.files import writing
from bench.results.store import Store
from bench.study.beat import Beat
from bench.study.fate import Fate, begun, comes_again, fates, read, write
from bench.study.stop import is_stopped
from bench.tables import files, tabulate


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


def run_member(options: Options, listener: Listener, sweep: str = "", wait: bool = False) -> float:
    """Run one member of `sweep`, unless it has begun before or the sweep is stopped; an error stops no other member.

    One whose run another process does is left for later, unless the call is to `wait`; the second call for it waits.
    One that was cut off runs again where its launcher has queued it again, and one whose process was killed where an
    attempt is left. Returns its score on valid, which a sweeper that searches may optimise; NaN where it has none.
    """
    member = options.member
    assert member is not None
    before = read(member.folder, sweep) if sweep else None
    is_cut_off = before is not None and is_restarted() and before["status"] == "interrupted"
    if is_stopped(member.folder.parent) or (before and not (is_cut_off or comes_again(before))):
        return math.nan
    valid = math.nan
    fate = begun(options, sweep, before, is_cut_off)
    try:
        wait_for(member.folder, log.warning)
        with writing(member.folder):
            write(member, fate)
        record = execute(options, together(listener, Beat(member, fate)), wait or before is not None)
        fate |= {"id": record.id, "status": record.status, "reason": record.reason, "before": record.attempts or []}
        if record.status == "done" and record.metric and record.metric["valid"] is not None:
            valid = record.metric["valid"]
    except Held as held:
        listener.held(held.holder)
        fate |= {"holder": held.holder, "reason": f"{held.holder} does this run ({fate['said']})"}
    except BenchError as error:
        listener.refused(error)
        fate |= {"status": "failed", "reason": str(error)}
    except KeyboardInterrupt:
        _write_if_possible(member, {**fate, "reason": "stopped; the same command goes on with it"})
        raise
    _write_if_possible(member, {**fate, "beat": time.time()})
    return valid


def is_to_come_again(member: Member, sweep: str) -> bool:
    """Whether another process did the run of a member as the sweep came to it."""
    fate = read(member.folder, sweep)
    return fate is not None and comes_again(fate)


def _write_if_possible(member: Member, fate: Fate) -> None:
    """Write the fate of a member that has ended. A disk that is full keeps no other member from running."""
    try:
        write(member, {**fate, "process": None})
    except OSError as error:
        log.warning(f"member {member}: {fate['status']}, which {member.folder} cannot take ({error.strerror})")


def is_restarted() -> bool:
    """Whether this is a member that its engine has begun before: SLURM has queued its job again, as where its time was
    over or its node was lost, or Ray has lost its worker."""
    return os.environ.get("SLURM_RESTART_COUNT", "0") != "0" or AGAIN in os.environ


def finish(folder: Path, sweep: str = "", members: int | None = None) -> SweepResult:
    """The sweep in `folder` at its end, after writing the tables of all runs in its results folders.

    The fates name these folders. Without any fate, `folder` is taken to be RESULTS/sweeps/SWEEP. `members` is how many
    there should be, where that is known. Raises StoreError where the folder is away and does not return.
    """
    must_be_there(folder, log.warning)
    count, known = sum(path.is_dir() for path in folder.iterdir()), fates(folder, sweep)
    results = [Path(name) for name in sorted({fate["results"] for fate in known})] or [folder.parent.parent]
    rows = []
    for each in results:
        if not Store(each).runs.is_dir():  # its members died before they had stored anything
            continue
        files.write_if_possible(each, log.warning)
        rows += tabulate.select(Store(each).rows()[0], {fate["id"] for fate in known})
    return SweepResult(count if members is None else members, known, tabulate.tabulate(rows), results)
