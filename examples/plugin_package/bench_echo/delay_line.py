"""The delay line: at every step, say the bit that was seen `delay` steps ago.

Data card: generated, no licence needed. Every sequence of bits belongs to one split by its first eight bits: those that
spell 0 to 24 are valid, 25 to 49 test, the rest train. Metric: share of right bits from step `delay` on; chance 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, Split, Task, TaskSpec, Tokens

_FIRST = 8
_RANGES = {"valid": (0, 25), "test": (25, 50), "train": (50, 256)}
_HELD_OUT = 500


class DelayLine(Task):
    """Raises ValueError where no step would be scored, or where a sequence is too short to tell its split."""

    def __init__(self, delay: int = 5, length: int = 40) -> None:
        if not 1 <= delay < length or length < _FIRST:
            raise ValueError(
                f"task.delay={delay}, task.length={length}: delay must be 1 to length - 1, length at least {_FIRST}"
            )
        self.delay, self.length = delay, length

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(
            id="delay-line-v1",
            inputs=Tokens(2),
            outputs=2,
            reads="every_step",
            metric=Metric("bit_accuracy", "share", "max", chance=0.5, solved=1.0),
            source="generated",
            licence="none needed",
        )

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        if split == "train":
            while True:
                yield self._batch(self._draw(split, batch_size, generator))
        fixed = torch.Generator().manual_seed(_RANGES[split][0])
        for bits_TB in self._draw(split, _HELD_OUT, fixed).split(batch_size, dim=1):
            yield self._batch(bits_TB)

    def _draw(self, split: Split, count: int, generator: Generator) -> Tensor:
        code_B = torch.randint(*_RANGES[split], (count,), generator=generator)
        first_TB = (code_B >> torch.arange(_FIRST)[:, None]) & 1
        return torch.cat([first_TB, torch.randint(2, (self.length - _FIRST, count), generator=generator)])

    def _batch(self, bits_TB: Tensor) -> Batch:
        weight_TB = torch.ones(bits_TB.shape)
        weight_TB[: self.delay] = 0
        return Batch(bits_TB, bits_TB.roll(self.delay, dims=0), weight_TB)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        right_TB = (logits.argmax(-1) == batch.targets) * batch.weight
        return {"right": right_TB.sum(), "scored": batch.weight.sum()}

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {"bit_accuracy": totals["right"] / totals["scored"]}
