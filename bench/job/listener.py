"""The calls by which a terminal or a notebook follows a run while it goes."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError
from bench.results.record import Record
from bench.train.progress import Progress
from bench.train.validation import Validation


class Listener:
    """Its methods are called at the stages of a run. They do nothing; subclasses override those that they need.

    `started`, `step` and `validated` are called during training, `measuring` after it, `ended` after measuring or after
    an error, and `stored` with the record. For a run that is done already only `already_done` is called, and for a
    member of a sweep that left no record only `held` or `refused`. Lines for people go to the logger `bench` instead.
    """

    def started(self) -> None:
        """Training begins."""

    def step(self, progress: Progress, spent: float, loss: float) -> None:
        """A training step is done; the share `spent` of the budget is used up. Called often, so it must be quick."""

    def validated(self, validation: Validation, metric: str) -> None:
        """A validation is done; its score is of the task's `metric`."""

    def measuring(self) -> None:
        """Training is over; speed and memory are measured."""

    def ended(self) -> None:
        """Training and measuring are over, one way or another."""

    def already_done(self, record: Record) -> None:
        """The run is done already."""

    def stored(self, record: Record, place: Path) -> None:
        """The run lies in the folder `place`."""

    def held(self, holder: str) -> None:
        """A sweep's member is left for later: another process, `holder`, does its run."""

    def refused(self, error: BenchError) -> None:
        """A sweep's member left no record, because of `error`."""


def together(*listeners: Listener) -> Listener:
    """One listener that passes each call on to all of `listeners`, in their order."""
    one = Listener()
    for name in (name for name in vars(Listener) if not name.startswith("_")):

        def passed_on(*arguments: object, name: str = name) -> None:
            for each in listeners:
                getattr(each, name)(*arguments)

        setattr(one, name, passed_on)
    return one
