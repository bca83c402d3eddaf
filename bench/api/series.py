"""The contract of a task over vectors whose model can go on by itself: what it predicts is what it reads next."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Generator, Tensor

from bench.api.task import Task


class SeriesTask(Task):
    """A task that reads every step of a series and predicts the next one; `bench sample` lets its models go on."""

    picture: ClassVar[Literal["roll", "line"]]
    """How a series is drawn: as a piano roll of 0 and 1 `[T, 88]`, or as a line of one number a step."""

    @abstractmethod
    def opening(self) -> Tensor:
        """Inputs `[T, F]` from the held-out data to go on from. ValueError where outputs cannot be read as inputs."""

    @abstractmethod
    def following(self, logits_C: Tensor, temperature: float, generator: Generator | None) -> Tensor:
        """The next input `[F]`: drawn by `generator` at a `temperature`, or the likeliest one without."""

    @abstractmethod
    def shown(self, inputs_TF: Tensor) -> Tensor:
        """The inputs in the data's unit, `[T, F]`."""

    @abstractmethod
    def lines(self, shown_TF: Tensor) -> Sequence[str]:
        """A line of text for each step of what `shown` gives."""
