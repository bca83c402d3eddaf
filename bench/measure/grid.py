"""Speed of several configurations in one process, sampled in turn: what slows the machine then slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.hardware.contention import Patience
from bench.hardware.load import Gauge, Load, between
from bench.hardware.machine import choose_machine
from bench.hardware.timing import Sample, Sampled, Timed, interleaved, shortest_sample, unsettled
from bench.measure.drawn import draw
from bench.measure.figure import marks, microseconds
from bench.measure.speed import Streaming, hold_still, inference, prefill
from bench.measure.training import training
from bench.results.speeds import Figure
from bench.stats.summary import summarise
from bench.train.setup import Setup

_ROUND, _MOST, _AGAIN = (
    5,
    50,
    3,
)  # samples of each entry taken before time is looked at; at most; times half are left out


class Lost(Exception):
    """A member of this `name` failed while it was sampled; the cause says why."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Entry:
    """A configuration of a grid, built and compared with the loop of steps; its optimiser changes no weights from here
    on.
    """

    def __init__(self, name: str, setup: Setup) -> None:
        self.name, self.setup = name, setup
        self.batches = draw(setup.task, setup.config.batch_size)
        hold_still(setup.optimizer)

    @property
    def lacks(self) -> dict[str, str]:
        """The figures that there are not, and why."""
        why = "a bidirectional model keeps no state and goes no single steps"
        return dict.fromkeys(("step", "prefill"), why) if self.setup.model.bidirectional else {}

    def has(self, figure: Figure) -> bool:
        return figure not in self.lacks

    @contextmanager
    def named(self) -> Iterator[None]:
        """Raise whatever fails in the block as Lost, by which it is known whose failure it is."""
        try:
            yield
        except Exception as error:
            raise Lost(self.name) from error


class _InTurn(Timed):
    """The timed work of an entry, before each sample of which torch is set for that entry's hardware."""

    def __init__(self, entry: Entry, work: Callable[[], int], clock: Callable[[], float], waited: bool) -> None:
        super().__init__(work, entry.setup.machine, clock, waited)
        self._entry = entry

    def sample(self) -> Sample:
        with self._entry.named():
            choose_machine(self._entry.setup.config.hardware)
            return super().sample()


@dataclass(frozen=True)
class Turns:
    """How the entries of a grid are measured: each sampled for `seconds` of `clock`, in an order drawn by `seed`.

    Where a figure of one is contended, that of all is measured again after the machine was quiet, as long as `patience`
    lasts.
    """

    seconds: float
    clock: Callable[[], float] = time.perf_counter
    gauge: Gauge = field(default_factory=Gauge)
    patience: Patience = field(default_factory=lambda: Patience(0.0, Gauge()))
    seed: int = 0

    def measure(self, entries: Sequence[Entry], figure: Figure) -> list[dict[str, Any]]:
        """Microseconds a token of each entry, in the order of the entries, with the statistics of
        `bench.stats.summary`, the `marks` of doubt, the `load` of the machine and `tries`, as in a record's figures.

        The samples of two entries pair up by their place. Each entry must have the figure. Raises Lost where one fails.
        """
        if not entries:
            return []
        timed = warm(entries, figure, self.clock, shortest_sample(self.seconds))
        found, tries = self._sampled(entries, timed), 1
        while any("contended" in each["marks"] for each in found) and self.patience.wait():
            found, tries = self._sampled(entries, timed), tries + 1
        return [{**each, "tries": tries} for each in found]

    def _sampled(self, entries: Sequence[Entry], timed: Sequence[Timed]) -> list[dict[str, Any]]:
        before = self.gauge.read()
        samples = until_steady(timed, self.seconds, self.seed)
        load = between(before, self.gauge.read(), self.gauge.cores)
        return [self._figure(*pair, load) for pair in zip(entries, samples, strict=True)]

    def _figure(self, entry: Entry, samples: list[Sample], load: Load) -> dict[str, Any]:
        pace = [microseconds(*each) for each in samples]
        return {**summarise(pace), "marks": marks(samples, load, entry.setup.machine, self.gauge), "load": load}


def warm(entries: Sequence[Entry], figure: Figure, clock: Callable[[], float], shortest: float) -> list[Timed]:
    """The timed work of entries that have the figure, warm, with samples of `shortest` seconds or more. Raises Lost."""
    timed = [_timed(each, figure, clock) for each in entries]
    for each in timed:
        each.warm_up(shortest)
    return timed


def _timed(entry: Entry, figure: Figure, clock: Callable[[], float]) -> Timed:
    with entry.named():
        return _InTurn(entry, _work(entry, figure), clock, figure == "step")


def _work(entry: Entry, figure: Figure) -> Callable[[], int]:
    setup = entry.setup
    if figure == "train":
        return training(setup, entry.batches).__next__
    if figure == "infer":
        return inference(setup.model, setup.machine, entry.batches).__next__
    if figure == "prefill":
        return prefill(setup.model, setup.machine, entry.batches).__next__
    return Streaming(setup.model, setup.machine, entry.batches[0], waiting=True).work


def until_steady(timed: Sequence[Sampled], seconds: float, seed: int = 0, most: int = _MOST) -> list[list[Sample]]:
    """Samples of all in turn, each for `seconds`, at `most` so many; the earlier half is left out where those of one of
    them have a trend.
    """
    kept: list[list[Sample]] = [[] for _ in timed]
    for turn in range(_AGAIN + 1):
        kept = [samples[len(samples) // 2 :] if turn else samples for samples in kept]
        while len(kept[0]) < _ROUND or (_spent(kept) < seconds * len(kept) and len(kept[0]) < most):
            more = interleaved(timed, _ROUND, seed + 1000 * turn + len(kept[0]))
            kept = [samples + new for samples, new in zip(kept, more, strict=True)]
        if not any(map(unsettled, kept)):
            break
    return kept


def _spent(samples: Sequence[Sequence[Sample]]) -> float:
    return sum(each.seconds for several in samples for each in several)
