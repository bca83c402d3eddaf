"""How a sweep stands, from the files in its folder: for another terminal or another machine than those that run it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple, TypedDict

from bench.results.files import disk_time, write_atomic
from bench.results.lease import SILENT
from bench.results.owner import is_alive
from bench.study.fate import Fate, owner_of, told

_FILE = "sweep.json"


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


State = Literal["running", "killed", "silent", "elsewhere", "ended"]


class MemberStatus(NamedTuple):
    """A member that has begun, and for how many seconds nothing was heard of it.

    `killed`: its process is gone; `silent`: on another machine, and heard of long ago; `elsewhere`: its run is that of
    another process, and the sweep comes back to it.
    """

    state: State
    fate: Fate
    silence: float = 0.0

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
    """The status of the sweep in a folder. `now` is in seconds of the epoch, by the clock of the disk: those of the
    machines that share it may differ."""
    begun: Begun = {"sweep": "", "words": [], "members": None}
    with suppress(OSError, ValueError):
        begun |= json.loads((folder / _FILE).read_text("utf-8"))
    now = disk_time(folder) if now is None else now
    found = [(now - written, fate) for written, fate in told(folder, begun["sweep"])]
    members = [MemberStatus(_state(fate, silence), fate, silence) for silence, fate in found]
    return SweepStatus(folder, begun["words"], begun["members"], members)


def _state(fate: Fate, silence: float) -> State:
    if fate["process"] is None:
        return "elsewhere" if fate.get("holder") else "ended"
    owner = owner_of(fate)
    if owner is not None and (owner.is_here or owner.is_gone):
        return "running" if is_alive(owner.pid, owner.started) else "killed"
    return "running" if silence < SILENT else "silent"
