"""The memory of this process as the operating system counts it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

_SELF = Path("/proc/self")


class HighWater:
    """The most memory that the process has had since this object was made, above what it had then.

    The system counts resident memory: of tensors, of data, of libraries and of what an allocator keeps for later. Its
    own mark of the most is reset here, where the system lets it be (Linux). Elsewhere, a process that had more at an
    earlier time does not show what it had later.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            (_SELF / "clear_refs").write_text("5")
        self._most = _most()
        self._before = _status("VmRSS") or self._most

    @property
    def mib(self) -> float | None:
        """In MiB; None where the system does not count it, and where an earlier time hides it."""
        most = _most()
        if most is None or self._most is None or self._before is None or most <= self._most:
            return None
        return round((most - self._before) / 2**20, 3)


def _most() -> int | None:
    """The most bytes of the process, since the last reset where there is one."""
    return _status("VmHWM") or _most_by_posix()


def _status(name: str) -> int | None:
    """A line of Linux's status of the process, in bytes."""
    try:
        lines = (_SELF / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _most_by_posix() -> int | None:
    """By POSIX, which macOS counts in bytes and other systems in KiB; Windows does not have it."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
