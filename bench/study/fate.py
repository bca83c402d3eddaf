"""The fates of a sweep's members: a file in the folder of each, which a process that is killed leaves as well."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from bench.config.options import Member, Options
from bench.results.draws import draws
from bench.results.files import write_atomic
from bench.results.owner import Owner
from bench.results.record import Status

_FILE = "run.json"


class Fate(TypedDict):
    """The outcome of a member. `id` is the record's id, or the member's name without a record."""

    id: str
    status: Status
    reason: str | None
    results: str
    """The results folder of the run."""
    sweep: str
    """The sweep in this word: a folder may be that of an earlier sweep, too."""
    process: int | None
    """The id of the process while the member runs, on the machine `host`."""
    host: str
    owner: str
    """The same process with its machine, as a lease has it."""
    attempt: int
    """One more than the attempts whose processes were killed, but for those after which the engine began anew."""
    retries: int
    """How many further attempts the sweep makes where the machine ends one."""
    before: list[str]
    """How the attempts at the run ended that came before."""
    holder: str
    """Another process that does the run: the sweep comes back to the member later. Empty where there is none."""
    said: str
    """The options that the member changes, in words."""
    began: float
    """In seconds of the epoch, as is `beat`, the time of the last word of the `step` and of the share `spent`."""
    beat: float
    step: int
    spent: float


def begun(options: Options, sweep: str, earlier: Fate | None = None, restarted: bool = False) -> Fate:
    """The fate of a member that has just begun: until it is written again, that of one whose process was killed.

    `earlier` is the one that it had in the same sweep before; `restarted` is one that its engine has begun anew, as
    after its node was lost, which is no attempt of the sweep's.
    """
    said = " ".join([*(f"{option}={value}" for option, value in options.changed.items()), draws(options.tree).words])
    return Fate(
        id=f"member {options.member}",
        status="interrupted",
        reason=f"its process was killed, as where memory runs out; the same command goes on with it ({said})",
        results=options.config.results_dir,
        sweep=sweep,
        process=os.getpid(),
        host=socket.gethostname(),
        owner=str(Owner.this_process()),
        attempt=_attempt(earlier, restarted),
        retries=options.config.retries,
        before=_ends_before(earlier),
        holder="",
        said=said,
        began=time.time(),
        beat=time.time(),
        step=0,
        spent=0.0,
    )


def _attempt(earlier: Fate | None, restarted: bool) -> int:
    if earlier is None:
        return 1
    return earlier.get("attempt", 1) + (earlier["process"] is not None and not restarted)


def _ends_before(earlier: Fate | None) -> list[str]:
    if earlier is None:
        return []
    owner = owner_of(earlier)
    return [*earlier.get("before", []), *([f"killed: {owner.said}"] if owner else [])]


def owner_of(fate: Fate) -> Owner | None:
    """The process that has a member under way; None where it has ended by itself, and in a fate of an older version."""
    return None if fate["process"] is None else Owner.parse(fate.get("owner", ""))


def comes_again(fate: Fate) -> bool:
    """Whether the sweep is to come back to the member: another process did its run, or the member's own process was
    killed or lost, as it is where the launcher has ended, and a further attempt is left."""
    if fate.get("holder"):
        return True
    return fate["process"] is not None and fate.get("attempt", 1) <= fate.get("retries", 0)


def write(member: Member, fate: Fate) -> None:
    """Write the fate of a member into its folder."""
    write_atomic(member.folder / _FILE, json.dumps(fate))


def read(folder: Path, sweep: str) -> Fate | None:
    """The fate in a member's folder; None where there is none, or one of another sweep. An empty `sweep` is any."""
    with suppress(OSError, ValueError):
        fate: Fate = json.loads((folder / _FILE).read_text("utf-8"))
        if isinstance(fate, dict) and sweep in ("", fate.get("sweep")):
            return fate
    return None


def fates(folder: Path, sweep: str) -> list[Fate]:
    """The fates of the members of a sweep that have begun, in the order of their numbers."""
    return [fate for _, fate in told(folder, sweep)]


def told(folder: Path, sweep: str) -> list[tuple[float, Fate]]:
    """The same, each with the time of its last writing, by the clock of the disk that it is on."""
    places = sorted(folder.iterdir(), key=lambda place: (len(place.name), place.name))
    return [(_written(place / _FILE), fate) for place in places if (fate := read(place, sweep)) is not None]


def _written(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
