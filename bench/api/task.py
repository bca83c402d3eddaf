"""The contract of a task: what it is, its batches, its loss and its scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.stats.scale import Scale

Split = Literal["train", "valid", "test"]

END = 0
"""The symbol that ends each target of a task that reads a `sequence`; it is also the decoder's first input."""


# Tasks


@dataclass(frozen=True)
class Tokens:
    """Symbols as inputs: integers in `[0, size)`, shape `[T, B]`."""

    size: int


@dataclass(frozen=True)
class Features:
    """Vectors of `size` real numbers as inputs, shape `[T, B, F]`."""

    size: int


@dataclass(frozen=True)
class Metric:
    """How a task is scored.

    `chance` is the score of a predictor that ignores its input. `solved` is the best possible score, None where it is
    unknown. `baselines` are further scores to beat, by name, in the metric's unit. No score is below `lowest` or above
    `highest`: by default 0 and 1 where the unit is `share`, and no bounds elsewhere. A run that scores `target` has
    solved the task: by default 95% of the way from chance to solved, None where that is unknown.
    """

    name: str
    unit: str
    direction: Literal["max", "min"]
    chance: float
    solved: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    lowest: float | None = None
    highest: float | None = None
    target: float | None = None

    @property
    def scale(self) -> Scale:
        """The metric as statistics see it, with defaults filled in."""
        names = [each.name for each in fields(Scale)]
        return Scale(**{name: getattr(self, name) for name in names})

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` beats score `b`; a NaN never does."""
        return a > b if self.direction == "max" else a < b


@dataclass(frozen=True)
class TaskSpec:
    """The facts about a task that a model and a reader of its scores need.

    `id` ends in a version (`copy-v1`): a change of data or scoring is a new version. `outputs` is the width of the
    model's output. `fingerprint` is a hash of the data that a task reads, None for generated data. A task with
    `reads="sequence"` reads a whole sequence and then writes another, of at most `longest` symbols, END included.
    `rate` is how many of the inputs' time steps a second of a recording has; None where they are not of equal time.
    `notes` say how a user's data was read, a line each: what is predicted from what, what was found out, what was left
    out. A run shows them as it begins, and its record keeps them.
    """

    id: str
    inputs: Tokens | Features
    outputs: int
    reads: Literal["every_step", "last_step", "sequence"]
    metric: Metric
    source: str
    licence: str
    fingerprint: str | None = None
    longest: int = 0
    notes: Sequence[str] = ()
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of sequences, time first.

    inputs:  `[T, B]` int64, or `[T, B, F]` float
    targets: `[T, B]` int64, or `[T, B, C]` float
    weight:  `[T, B]` float; 0 where a position counts neither in the loss nor in the scores
    fresh:   `[B]` bool; True where a lane starts a new sequence, so that its state is reset; by default every lane
    lengths: `[B]` int64, the number of real time steps of each lane; None where no lane is padded

    Where the task reads a `sequence`, inputs are `[S, B]` or `[S, B, F]` without padding. Targets and weight are
    `[U, B]`, with END at each lane's last real step. All lanes are fresh, and `lengths` counts steps read and written.
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor
    fresh: Tensor = None  # type: ignore[assignment]  # a tensor once the batch is made
    lengths: Tensor | None = None

    def __post_init__(self) -> None:
        if self.fresh is None:
            fresh_B = torch.ones(self.inputs.shape[1], dtype=torch.bool, device=self.inputs.device)
            object.__setattr__(self, "fresh", fresh_B)

    @property
    def tokens(self) -> int:
        """Real (unpadded) time steps in the batch, over all lanes."""
        return self.weight.numel() if self.lengths is None else int(self.lengths.sum())

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; the batch itself where it is there already.

        CUDA copies what it is told to copy, while the host goes on; on MPS the source may change under such a copy.
        """
        if self.inputs.device == device:
            return self
        parts = (self.inputs, self.targets, self.weight, self.fresh, self.lengths)
        go_on = device.type == "cuda"
        return Batch(*(p if p is None else p.to(device, non_blocking=go_on) for p in parts))  # type: ignore[arg-type]

    def lanes(self, chosen: slice | Tensor) -> Batch:
        """The lanes of a slice, or of these numbers."""
        return Batch(
            inputs=self.inputs[:, chosen],
            targets=self.targets[:, chosen],
            weight=self.weight[:, chosen],
            fresh=self.fresh[chosen],
            lengths=None if self.lengths is None else self.lengths[chosen],
        )

    def span(self, start: int, stop: int) -> Batch:
        """Time steps `start` to `stop` (excluded) of every lane; `fresh` is False everywhere unless `start` is 0."""
        return replace(
            self,
            inputs=self.inputs[start:stop],
            targets=self.targets[start:stop],
            weight=self.weight[start:stop],
            fresh=self.fresh if start == 0 else torch.zeros_like(self.fresh),
            lengths=None if self.lengths is None else (self.lengths - start).clamp(0, stop - start),
        )


class Task(ABC):
    """Data and scoring. A plugin subclasses this; the constructor's arguments are the task's options.

    Options are checked against the constructor's annotations before the call. The constructor raises ValueError for
    options that are wrong in another way, and DataError where the data is at fault.
    """

    expected_failures: Mapping[str, str] = {}
    """Laws of `bench check` that the task breaks for a good reason, by name, with the reason; of the class, or of an
    object that found the reason in a user's data."""

    @property
    @abstractmethod
    def spec(self) -> TaskSpec:
        """The facts about the task; constant for the life of the object."""

    @abstractmethod
    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """One pass over a split, on the CPU; the same generator state gives the same batches in any process.

        `train` may be endless. `valid` and `test` end, hold the same sequences for every batch size and generator, and
        share none with `train`.
        """

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Unreduced loss `[T, B]` of `logits [T, B, C]`: here the negative log-likelihood of class targets, in nats."""
        flat = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
        return flat.view_as(batch.targets)

    @abstractmethod
    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums and counts over a batch, scalars by name; they add up over batches. Nothing is divided here."""

    def tally_decoded(self, decoded: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums and counts over the symbols that the model wrote by itself, `decoded [U, B]`, beside those of `tally`.

        Only tasks that read a `sequence` are asked. U is any length, and only END follows an END. The names must differ
        from the names in `tally`.
        """
        return {}

    @abstractmethod
    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        """Scores by name from a split's totals: the only place that divides. One of them is the metric of `spec`."""
