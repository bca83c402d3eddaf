"""A run that was had before, or that another process has: what is found done or failed, and the wait for its lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import sleep

from bench.errors import Held
from bench.job.log import log
from bench.results.lease import SILENT, Holder, Lease, Watch, acquire
from bench.results.record import Record
from bench.results.store import CUT_OFF, FOUND

_LOOK = 1.0
"""Seconds between two looks at a lease."""
_WATCH = Watch()
"""One for the process: a sweep that comes back to a member has looked at its lease before."""


def lease_of(runs: Path, base: str, wait: bool) -> Lease:
    """The lease of run `base`, had at once or after the end of the process that has it.

    Raises Held, naming that process, where it is another's and this one is not to `wait`; StoreError where it cannot be
    written.
    """
    said = False
    while not isinstance(found := acquire(runs, base, _WATCH), Lease):
        holder = "another process" if found is None else found.owner.said
        if not wait:
            raise Held(f"{holder} does this run: {base}", holder)
        if not said:
            said = True
            log.warning(f"{holder} does this run: waiting for its end{_unless_silent(found)}")
        sleep(_LOOK)
    if said:
        log.info("its turn is over")
    return found


def _unless_silent(holder: Holder | None) -> str:
    if holder is not None and holder.owner.is_here:
        return ""
    return f"; where nothing is heard of it for {SILENT:.0f} s, this one takes over"


def that_stands(attempts: Sequence[Record], before: Sequence[Record], rerun: str) -> Record | None:
    """The attempt at a run that makes another needless; None where there is none.

    One that is done is found, and with `rerun=none` one that failed, too. `before` are those that there were when this
    process came to the run: what another process has ended since, while this one waited, counts with any `rerun`,
    unless it was cut off.
    """
    known = {record.id for record in before}
    stand = [
        record
        for record in attempts
        if record.status in FOUND.get(rerun, ()) or (record.id not in known and record.status not in CUT_OFF)
    ]
    return _latest(record for record in stand if record.status == "done") or next(reversed(stand), None)


def _latest(records: Iterable[Record]) -> Record | None:
    return max(reversed([*records]), key=lambda record: record.finished, default=None)


def ends_before(attempts: Sequence[Record], lease: Lease) -> list[str]:
    """How the attempts at a run ended that came before the one with this lease, since it was done last.

    It is what their records say, and the lease of processes that were killed.
    """
    last_done = max((place for place, record in enumerate(attempts, 1) if record.status == "done"), default=0)
    said: list[str] = []
    for record in attempts[last_done:]:
        said = [*(said if record.attempts is None else record.attempts), f"{record.status}: {record.reason}"]
    return [*said, *(each for each in lease.holder.before if each not in said)]
