"""A request to stop a sweep whose members run in processes of a launcher: each saves where it stands, and none begins.

The launcher itself would kill them. So the process that started the sweep takes Ctrl-C and SIGTERM, and tells them.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from bench.study.fate import Fate, fates, owner_of
from bench.train.interrupts import Requests, stop_signals

_STOPPED = "stopped"
"""The file in the sweep's folder that keeps members from beginning."""


class Stop:
    """Takes requests to stop, from `begin` to `end`, in the process that started the sweep; a second acts at once."""

    def __init__(self, sweep: str) -> None:
        self._sweep, self._requests = sweep, Requests()
        self._before: dict[int, Any] = {}
        self._folder = Path()

    @property
    def asked(self) -> bool:
        """Whether a request has come."""
        return self._requests.count > 0

    def begin(self, folder: Path) -> None:
        """Take the signals of the sweep in `folder` from now on."""
        self._folder = folder
        if not self.asked:
            (folder / _STOPPED).unlink(missing_ok=True)
        for number in stop_signals():
            if signal.getsignal(number) is signal.default_int_handler:
                self._before[number] = signal.signal(number, self._take)

    def end(self) -> None:
        """Leave signals to whoever had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._requests.add() > 1:
            raise KeyboardInterrupt
        begun: list[Fate] = []
        with suppress(OSError):  # the folder is away: nobody can be told, but nothing new begins
            (self._folder / _STOPPED).touch()
            begun = fates(self._folder, self._sweep)
        for fate in begun:
            if (owner := owner_of(fate)) is not None and owner.is_here:
                with suppress(OSError):  # it has ended meanwhile
                    os.kill(owner.pid, signal.SIGTERM)


def is_stopped(folder: Path) -> bool:
    """Whether members of the sweep in `folder` are to begin no more."""
    return (folder / _STOPPED).exists()


def take_signals(wanted: bool) -> None:
    """Have a launcher's process take signals to stop in a member, and ignore them between members.

    A process that died of one would take the others with it.
    """
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler if wanted else signal.SIG_IGN)
