"""A figure of speed: its samples and what they come to, how they were taken, and the marks of doubt that it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.hardware.contention import Patience, contention
from bench.hardware.load import Gauge, Load, between
from bench.hardware.machine import Machine
from bench.hardware.timing import Sample, Timed, sample, shortest_sample, unsettled
from bench.stats.summary import spread, summarise

Unit = Callable[[int, float], float]
"""A sample in the figure's unit, by its tokens and seconds."""


def per_second(tokens: int, seconds: float) -> float:
    """Tokens a second."""
    return tokens / seconds


def microseconds(tokens: int, seconds: float) -> float:
    """Microseconds a token."""
    return 1e6 * seconds / tokens


@dataclass(frozen=True)
class Method:
    """How figures are measured: each sampled for `seconds` of `clock`, beside the counters of a `gauge`.

    A figure that is contended is measured again after the machine was quiet, as long as `patience` lasts.
    """

    machine: Machine
    seconds: float
    clock: Callable[[], float] = time.perf_counter
    gauge: Gauge = field(default_factory=Gauge)
    patience: Patience = field(default_factory=lambda: Patience(0.0, Gauge()))

    def figure(self, work: Callable[[], int], unit: Unit, waited: bool = False, beside: int = 0) -> dict[str, Any]:
        """The figure of `work`, which returns its number of tokens and may be `waited` for within.

        Processes `beside` this one, of as many threads, are at the same work: they are no contention.

        It has the statistics of `bench.stats.summary`, and besides `calls` in a sample, the time that is in no sample
        (`first_s`, `calibration_s` and `warm_up_s`, see `bench.hardware.timing`), `tries`, `load` (see
        `bench.hardware.load`), and `marks`: `contended` and `unsettled`, each with the reasons.
        """
        timed = Timed(work, self.machine, self.clock, waited)
        timed.warm_up(shortest_sample(self.seconds))
        found, tries = self._measured(timed, unit, beside), 1
        while "contended" in found["marks"] and self.patience.wait():
            found, tries = self._measured(timed, unit, beside), tries + 1
        return {**found, "tries": tries}

    def _measured(self, timed: Timed, unit: Unit, beside: int) -> dict[str, Any]:
        before = self.gauge.read()
        samples = sample(timed, self.seconds)
        load = between(before, self.gauge.read(), self.gauge.cores)
        return {
            **summarise([unit(*each) for each in samples]),
            "calls": timed.calls,
            "first_s": round(timed.first_s, 6),
            "calibration_s": round(timed.calibration_s, 6),
            "warm_up_s": round(timed.warm_up_s, 6),
            "marks": marks(samples, load, self.machine, self.gauge, beside),
            "load": load,
        }


def marks(samples: Sequence[Sample], load: Load, machine: Machine, gauge: Gauge, beside: int = 0) -> dict[str, str]:
    """The doubts about samples that were taken under a load: `contended` and `unsettled`, each with the reasons."""
    others = load["others"] and max(0.0, load["others"] - beside * machine.threads)
    waits = machine.queues or beside > 0
    busy = "; ".join(contention({**load, "others": others}, spread(samples), machine.threads, waits, gauge.own_cores))
    changing = unsettled(samples)
    return ({"contended": busy} if busy else {}) | ({"unsettled": changing} if changing else {})
