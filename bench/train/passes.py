"""The endless stream of training batches: one pass over a split after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Generator

from bench.api import Batch, Split, Task
from bench.errors import DataError
from bench.train.largest import Largest


class Passes(Iterator[Batch]):
    """The batches of a split, one pass after the other without end; the place in the stream can be saved and restored.

    `largest` keeps the largest of its batches. Raises DataError on iteration if a pass has no batch.
    """

    def __init__(self, task: Task, split: Split, batch_size: int, generator: Generator) -> None:
        self._task, self._split, self._batch_size, self._generator = task, split, batch_size, generator
        self.largest = Largest()
        self._begin()

    def _begin(self) -> None:
        self._drawn_by, self._taken = self._generator.get_state(), 0
        self._batches = iter(self._task.batches(self._split, self._batch_size, self._generator))

    def __next__(self) -> Batch:
        batch = next(self._batches, None)
        if batch is None:
            if not self._taken:
                name = self._task.spec.id
                raise DataError(
                    f"{name} has no batch of {self._batch_size} in its {self._split} split: lower batch_size"
                )
            self._begin()
            return next(self)
        self._taken += 1
        self.largest.look(batch)
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The place in the stream: the generator's state before the current pass, and the number of batches since."""
        return {"drawn_by": self._drawn_by, "taken": self._taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the place `state`, by drawing the batches of its pass again."""
        self._generator.set_state(state["drawn_by"])
        self._begin()
        for _ in range(state["taken"]):
            next(self)
