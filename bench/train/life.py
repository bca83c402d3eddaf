"""The time of a run by what it went to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Part = Literal["start", "data", "compile", "train", "validate", "score", "measure", "store"]
"""The parts of a run's life.

start: making and checking the model, and whatever stands in no other part. data: reading the data, and drawing batches
of training. compile: making a fast form of the cell and comparing it with the loop. train: training steps.
validate: scoring the validation split on the way. score: scoring the best weights. measure: speed, memory and FLOPs.
store: checkpoints and weights, up to the record, which is not written yet when it states this.
"""


class Life:
    """The seconds of a run by part. At any moment the run is in one part, so that none is counted twice or in none.

    It begins in `start`. `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._since = clock, clock()
        self._part: Part = "start"
        self._seconds = dict.fromkeys(get_args(Part), 0.0)

    def turn(self, part: Part) -> Part:
        """From now on time goes to `part`; the part that it went to before."""
        before, now = self._part, self._clock()
        self._seconds[before] += now - self._since
        self._part, self._since = part, now
        return before

    @contextmanager
    def within(self, part: Part) -> Iterator[None]:
        """In the block time goes to `part`, and after it to the part before."""
        before = self.turn(part)
        try:
            yield
        finally:
            self.turn(before)

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Time in the block goes to nothing: the run only waits for its turn."""
        self.turn(self._part)
        try:
            yield
        finally:
            self._since = self._clock()

    @property
    def total(self) -> float:
        """The seconds since the run began."""
        return sum(self.seconds.values())

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each part up to now; they add up to the time since the run began."""
        self.turn(self._part)
        return dict(self._seconds)
