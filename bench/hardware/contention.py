"""Contention: whether other work had the machine while a figure was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bench.hardware.load import Gauge, Load, between

_LOST = 0.05  # of the time, or of a core: a twentieth makes a figure wrong by as much
_OTHERS = 0.1  # of the machine's cores
_SPREAD = 0.25  # of the median, between the quartiles of like samples
_LOOK = 0.5  # seconds for which a quiet machine is looked for at a time


def contention(load: Load, spread: float, threads: int, queues: bool, own_cores: int) -> Iterator[str]:
    """What says that the machine was busy with other work, a line each; nothing where it was quiet.

    `spread` is that of like samples. A process of `threads` on `own_cores` has one of them or more all the time; where
    the device `queues` work, the host may wait for it. Threads beyond the cores wait for each other.
    """
    wall, waited, throttled = load["wall_s"], load["waited_s"] or 0.0, load["throttled_s"] or 0.0
    if throttled > _LOST * wall:
        yield f"held back {throttled / wall:.0%} of the time by its container's limit of processor time"
    elif not queues and load["cpu_s"] < (1 - _LOST) * wall:
        yield f"had a processor for {load['cpu_s'] / wall:.0%} of the time"
    elif threads <= own_cores and waited > _LOST * wall:
        yield f"waited for a processor {waited / wall:.0%} of the time"
    yield from of_others(load)
    if spread > _SPREAD:
        yield f"like samples spread over {spread:.0%} of their median"


def of_others(load: Load) -> Iterator[str]:
    """Whoever else has processors, whether this process is at work or waits."""
    others, stolen, cores = load["others"] or 0.0, load["stolen"] or 0.0, load["cores"]
    if others > _OTHERS * cores:
        yield f"others had {others:.1f} of {cores} cores"
    if stolen > _LOST:
        yield f"the host of this virtual machine had {stolen:.2f} of {cores} cores"


class Patience:
    """Waits for a quiet machine, so many `seconds` in all."""

    def __init__(self, seconds: float, gauge: Gauge, sleep: Callable[[float], object] = time.sleep) -> None:
        self._left, self._gauge, self._sleep = seconds, gauge, sleep

    def wait(self) -> bool:
        """Wait until the machine is quiet for half a second; False where patience is over before."""
        while self._left > 0:
            before = self._gauge.read()
            self._sleep(min(_LOOK, self._left))
            load = between(before, self._gauge.read(), self._gauge.cores)
            self._left -= max(load["wall_s"], 1e-3)
            if not any(of_others(load)):
                return True
        return False
