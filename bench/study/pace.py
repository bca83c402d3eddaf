"""How long a sweep still takes, by the time that its members take in this process."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.config.options import Member


class Pace:
    """Tell it which member comes `next`, that its training has `begun`, and that the member has `ended`.

    Members that are done already take no time, and say nothing about the others.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._took: list[float] = []
        self._began: float | None = None
        self._after: int | None = None

    def next(self, member: Member) -> None:
        """The member that comes next."""
        self._began = None
        self._after = None if member.of is None else member.of - member.number

    def begun(self) -> None:
        """The member's training begins."""
        self._began = self._clock()

    def ended(self) -> None:
        """The member has ended, however it did."""
        if self._began is not None:
            self._took.append(self._clock() - self._began)
            self._began = None

    def left(self, spent: float) -> float | None:
        """The seconds that the sweep still takes, where the member has `spent` a share of its budget; None where that
        cannot be told, or the member is the last."""
        if self._began is None or not self._after or not spent:
            return None
        elapsed = self._clock() - self._began
        whole = elapsed / min(spent, 1)
        mean = (sum(self._took) + whole) / (len(self._took) + 1)
        return whole - elapsed + self._after * mean
