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
    said: str
    """The options that the member changes, in words."""
    began: float
    """In seconds of the epoch, as is `beat`, the time of the last word of the `step` and of the share `spent`."""
    beat: float
    step: int
    spent: float


def begun(options: Options, sweep: str) -> Fate:
    """The fate of a member that has just begun: until it is written again, that of one whose process was killed."""
    said = " ".join([*(f"{option}={value}" for option, value in options.changed.items()), draws(options.tree).words])
    return Fate(
        id=f"member {options.member}",
        status="interrupted",
        reason=f"its process was killed, as where memory runs out; the same command goes on with it ({said})",
        results=options.config.results_dir,
        sweep=sweep,
        process=os.getpid(),
        host=socket.gethostname(),
        said=said,
        began=time.time(),
        beat=time.time(),
        step=0,
        spent=0.0,
    )


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
    places = sorted(folder.iterdir(), key=lambda place: (len(place.name), place.name))
    return [fate for place in places if (fate := read(place, sweep)) is not None]
