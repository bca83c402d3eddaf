"""Rounds of a sweep over the processes of a launcher: it comes back to members that another process had, or that the
machine ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.config.away import wait_for
from bench.config.sweeps.jobs import told
from bench.study.fate import comes_again, fates, read


class Rounds:
    """Asked after each round whether there is `another`: none where the sweep is `stopped`, or where the last one has
    changed nothing."""

    def __init__(self, sweep: str, stopped: Callable[[], bool]) -> None:
        self._sweep, self._stopped = sweep, stopped
        self._before: list[tuple[int, str]] = []

    def another(self, folder: Path) -> bool:
        """Whether the launcher is to start the sweep in `folder` once more; members that have ended are left out."""
        if self._stopped() or not wait_for(folder, told):
            return False
        again = [fate for fate in fates(folder, self._sweep) if comes_again(fate)]
        state = [(fate.get("attempt", 1), fate.get("holder", "")) for fate in again]
        before, self._before = self._before, state
        return bool(again) and state != before

    def has_ended(self, place: Path) -> bool:
        """Whether the member with the folder `place` has ended in this sweep: another round is not for it."""
        fate = read(place, self._sweep)
        return fate is not None and not comes_again(fate)
