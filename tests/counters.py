"""Counters of a machine as tests have it: a gauge whose machine does what the test says."""

from __future__ import annotations

from bench.hardware.load import Counters

QUIET: dict[str, float] = {}
IDLE = {"own": 0.0}
BUSY = {"own": 0.5, "busy": 2.0, "waited": 0.5}
"""A busy loop on both of two cores."""

_START = Counters(
    wall=0.0, own=0.0, waited=0.0, throttled=0.0, busy=0.0, stolen=0.0, pressed=0.0, pressure=0.0, load=0.5, mhz=3000.0
)


class Scripted:
    """In place of a `Gauge`: between the two readings of each stretch the counters rise as the next of them says.

    By default a second goes by, in which this process has one core and nobody else has any; a counter that rises by
    None is not there. The last stretch goes on.
    """

    cores = own_cores = 2

    def __init__(self, *stretches: dict[str, float]) -> None:
        self._stretches, self._now, self.readings = stretches or (QUIET,), _START, 0

    def read(self) -> Counters:
        said = self._stretches[min(self.readings // 2, len(self._stretches) - 1)]
        rises = {"wall": 1.0, "own": 1.0, "busy": said.get("own", 1.0), **said}
        after = {name: None if rise is None else getattr(self._now, name) + rise for name, rise in rises.items()}
        self.readings += 1
        self._now = self._now._replace(**after)
        return self._now
