"""How a sweep stands, from the files in its folder: for another terminal or another machine than those that run it."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple, TypedDict

from bench.results.files import write_atomic
from bench.results.owner import is_alive
from bench.study.fate import Fate, fates

_FILE = "sweep.json"
_SILENT = 120.0
"""Seconds without a word of a member on another machine, after which nobody knows whether it still runs."""


class Begun(TypedDict):
    """What a sweep's folder says of the sweep that began in it last."""

    sweep: str
    """As in its members' fates."""
    words: list[str]
    """The words of its command."""
    members: int | None


def note(folder: Path, begun: Begun) -> None:
    """Write what has begun into the folder of a sweep. It is only told: where it cannot be written, the sweep runs."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / _FILE, json.dumps(begun))


State = Literal["running", "killed", "silent", "ended"]


class MemberStatus(NamedTuple):
    """A member that has begun. `killed`: its process is gone; `silent`: on another machine, and heard of long ago."""

    state: State
    fate: Fate

    @property
    def left(self) -> float | None:
        """The seconds of training that are left, at the pace up to now; None where that cannot be told."""
        if self.state != "running" or not self.fate.get("spent"):
            return None
        return (self.fate["beat"] - self.fate["began"]) * (1 / self.fate["spent"] - 1)


@dataclass(frozen=True)
class SweepStatus:
    """A sweep as it stands. `members` is None where nobody noted their number."""

    folder: Path
    words: list[str]
    members: int | None
    begun: list[MemberStatus]

    def of(self, state: State) -> list[MemberStatus]:
        """The members in a state."""
        return [each for each in self.begun if each.state == state]

    @property
    def waiting(self) -> int | None:
        """How many members have not begun."""
        return None if self.members is None else max(0, self.members - len(self.begun))

    @property
    def is_over(self) -> bool:
        """Whether no member runs."""
        return not self.of("running")

    @property
    def left(self) -> float | None:
        """The seconds until its end, as many members at a time as now; None where that cannot be told."""
        running = self.of("running")
        took = [each.fate["beat"] - each.fate["began"] for each in self.of("ended") if each.fate["status"] == "done"]
        lefts = [each.left for each in running if each.left is not None]
        if not running or self.waiting is None or (self.waiting and not took):
            return None
        return (sum(lefts) + self.waiting * (fmean(took) if took else 0)) / len(running)


def status_of(folder: Path, now: float | None = None) -> SweepStatus:
    """The status of the sweep in a folder; `now` is in seconds of the epoch."""
    begun: Begun = {"sweep": "", "words": [], "members": None}
    with suppress(OSError, ValueError):
        begun |= json.loads((folder / _FILE).read_text("utf-8"))
    now = time.time() if now is None else now
    members = [MemberStatus(_state(fate, now), fate) for fate in fates(folder, begun["sweep"])]
    return SweepStatus(folder, begun["words"], begun["members"], members)


def _state(fate: Fate, now: float) -> State:
    if fate["process"] is None:
        return "ended"
    if fate.get("host") == socket.gethostname():
        return "running" if is_alive(fate["process"]) else "killed"
    return "running" if now - fate.get("beat", 0) < _SILENT else "silent"
