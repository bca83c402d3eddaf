"""How busy the machine is, by the counters of its system: before, during and after a stretch of work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypedDict

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Counters(NamedTuple):
    """Counters at one moment, in seconds since some earlier one; None for what the system does not tell."""

    wall: float
    own: float
    """Processor time of this process."""
    waited: float | None
    """Time that threads of this process were ready to run and had no processor, added up."""
    throttled: float | None
    """Time that the container was kept from running by its limit of processor time."""
    busy: float | None
    """Processor time of all processes, over all cores."""
    stolen: float | None
    """Processor time that the host of a virtual machine kept from it, over all cores."""
    pressed: float | None
    """Time in which some process waited for a processor."""
    pressure: float | None
    """The share of the last ten seconds in which some process waited for a processor."""
    load: float | None
    """Processes that ran or waited, on average over the last minute."""
    mhz: float | None
    """The clock of the processors, on average."""


class Load(TypedDict):
    """What went on while work was timed: part of a figure in a record.

    `wall_s` seconds went by, in which this process had `cpu_s` of processor time, its threads waited `waited_s` for a
    processor, and its container was held back `throttled_s`. `others` and `stolen` are how many of the `cores`, on
    average, other processes and the host of a virtual machine had. `pressure` is the share of time in which some
    process waited for a processor (Linux PSI): in the ten seconds before, meanwhile, in the ten seconds up to the end.
    `load` is the load average before and after, `mhz` the processors' clock. None for what the system does not tell.
    """

    wall_s: float
    cpu_s: float
    waited_s: float | None
    throttled_s: float | None
    cores: int
    others: float | None
    stolen: float | None
    pressure: list[float | None]
    load: list[float | None]
    mhz: list[float | None]


@dataclass(frozen=True)
class Gauge:
    """Reads counters: of Linux in `proc` and `sys`, elsewhere those that Python has. `clock` and `cpu` give seconds."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    clock: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time

    def read(self) -> Counters:
        """The counters now."""
        stat = self._stat()
        pressure, pressed = self._pressure()
        return Counters(
            self.clock(), self.cpu(), self._waited(), self._throttled(),
            _added_up(stat, "user", "nice", "system", "irq", "softirq"), _added_up(stat, "steal"),
            pressed, pressure, self._load(), self._mhz(),
        )  # fmt: skip

    @property
    def cores(self) -> int:
        """The number of logical processors of the machine, whether this process may use them or not."""
        lines = text_of(self.proc / "stat").splitlines()
        return sum(line.startswith("cpu") for line in lines) - 1 if lines else os.cpu_count() or 1

    @property
    def own_cores(self) -> int:
        """The number of logical processors that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else self.cores

    def groups(self) -> tuple[Path, ...]:
        """Where the limits of this process's control group are: within a container at the root of all that it sees."""
        lines = text_of(self.proc / "self/cgroup").splitlines()
        group = next((line.strip() for line in lines if line.startswith("0::")), "0::/")
        root = self.sys / "fs/cgroup"
        return root / group[4:], root, root / "cpu"

    def _stat(self) -> dict[str, int]:
        """Ticks by column, over all cores."""
        words = text_of(self.proc / "stat").partition("\n")[0].split()
        columns = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
        return dict(zip(columns, map(int, words[1:]), strict=False)) if words[:1] == ["cpu"] else {}

    def _waited(self) -> float | None:
        """Nanoseconds of each thread that is alive, in its second column."""
        waits = [text_of(path).split() for path in found_in(self.proc / "self/task", "*/schedstat")]
        found = [int(words[1]) for words in waits if len(words) > 1]
        return sum(found) / 1e9 if found else None

    def _throttled(self) -> float | None:
        for folder in self.groups():
            for line in text_of(folder / "cpu.stat").splitlines():
                name, _, value = line.partition(" ")
                if unit := {"throttled_usec": 1e6, "throttled_time": 1e9}.get(name):
                    return int(value) / unit
        return None

    def _pressure(self) -> tuple[float | None, float | None]:
        for line in text_of(self.proc / "pressure/cpu").splitlines():
            if line.startswith("some"):
                found = dict(pair.split("=") for pair in line.split()[1:])
                return float(found["avg10"]) / 100, int(found["total"]) / 1e6
        return None, None

    def _load(self) -> float | None:
        if words := text_of(self.proc / "loadavg").split():
            return float(words[0])
        with suppress(OSError, AttributeError):
            return os.getloadavg()[0]
        return None

    def _mhz(self) -> float | None:
        clocks = found_in(self.sys / "devices/system/cpu", "cpu[0-9]*/cpufreq/scaling_cur_freq")
        found = [int(text_of(path)) / 1e3 for path in clocks]
        lines = [] if found else text_of(self.proc / "cpuinfo").splitlines()
        found += [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return sum(found) / len(found) if found else None


def between(before: Counters, after: Counters, cores: int) -> Load:
    """The load between two readings.

    Counters of all processes go by ticks of some 10 ms a core: two ticks a core of others' time are not told from none.
    """
    wall = max(after.wall - before.wall, 1e-9)
    own = after.own - before.own
    busy, stolen, pressed = (_rise(name, before, after) for name in ("busy", "stolen", "pressed"))
    others = None if busy is None else max(0.0, busy - own - 2 * cores / _TICKS) / wall
    return {
        "wall_s": round(wall, 4),
        "cpu_s": round(own, 4),
        "waited_s": _rise("waited", before, after),
        "throttled_s": _rise("throttled", before, after),
        "cores": cores,
        "others": None if others is None else round(others, 3),
        "stolen": None if stolen is None else round(stolen / wall, 3),
        "pressure": [before.pressure, None if pressed is None else round(min(1, pressed / wall), 3), after.pressure],
        "load": [before.load, after.load],
        "mhz": [each and round(each) for each in (before.mhz, after.mhz)],
    }


def _rise(name: str, before: Counters, after: Counters) -> float | None:
    """How much a counter has risen; 0 where it fell, as that of threads' waits does when a thread ends."""
    pair = getattr(before, name), getattr(after, name)
    return None if None in pair else max(0.0, round(pair[1] - pair[0], 4))


def _added_up(ticks: dict[str, int], *columns: str) -> float | None:
    return sum(ticks.get(column, 0) for column in columns) / _TICKS if ticks else None


def text_of(path: Path) -> str:
    """What a file says; nothing where it is not there or may not be read."""
    try:
        return path.read_text("ascii", errors="replace")
    except OSError:
        return ""


def found_in(folder: Path, pattern: str) -> Iterator[Path]:
    with suppress(OSError):  # it may vanish while it is listed
        yield from folder.glob(pattern)
