"""How far a sweep's member is, written now and then for whoever looks on from elsewhere."""

from __future__ import annotations

import time
from contextlib import suppress

from bench.config.options import Member
from bench.job.listener import Listener
from bench.study.fate import Fate, write
from bench.train.progress import Progress


class Beat(Listener):
    """Writes into the fate of a member how far its run is, every `seconds`."""

    def __init__(self, member: Member, fate: Fate, seconds: float = 5.0) -> None:
        self._member, self._fate, self._seconds = member, fate, seconds

    def step(self, progress: Progress, spent: float, loss: float) -> None:
        """Write, now and then. A disk that is full stops no run."""
        now = time.time()
        if now - self._fate["beat"] >= self._seconds:
            self._fate |= {"beat": now, "step": progress.steps, "spent": min(spent, 1.0)}
            with suppress(OSError):
                write(self._member, self._fate)
