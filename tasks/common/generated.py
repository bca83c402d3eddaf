"""Generated sequences: endless in train, the same for every run in valid and test, and disjoint by construction."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Generator, Tensor

from bench.api import Batch, DataError, Split, Task

_BLOCK = 512  # sequences drawn at once: the cost of a draw is shared, and long sequences still fit
_SEEDS: dict[str, int] = {"valid": 1_000_003, "test": 2_000_003}
_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # the constants of SplitMix64


class Generated(Task):
    """A task whose sequences are drawn, never stored: a block at a time, each in exactly one split.

    A subclass draws sequences as rows of integers (`sample`) and lays rows out as batches (`lay_out`). Equal rows are
    equal sequences, and the row decides the split. `length` sets the length of the sequences, in time steps or as a
    delay. With a `test_length` the test split has that length instead, to measure length extrapolation.

    Scored as classification, unless overridden: the metric is the share of scored positions where the most likely
    class is right, beside the share of sequences without an error and the negative log-likelihood in nats.
    """

    def __init__(self, length: int, test_length: int | None, held_out: int) -> None:
        check_range(1, held_out=held_out)
        self.lengths: dict[Split, int] = {"train": length, "valid": length, "test": test_length or length}
        self.held_out = held_out

    @abstractmethod
    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """`count` rows of integers `[N, S]`; each row determines one sequence of `length`."""

    @abstractmethod
    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """The batch whose lanes are the sequences of the given rows."""

    def divide(self, rows_NS: Tensor) -> Tensor:
        """The split `[N]` that each row belongs to, by its content alone: 0 train, 1 valid, 2 test."""
        return split_of(rows_NS)

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """Endless in train; `held_out` sequences in valid and test, the last batch smaller where they do not divide."""
        length, left = self.lengths[split], math.inf
        if split != "train":
            generator, left = held_out(split), self.held_out
        blocks = draw(split, lambda count: self.sample(count, length, generator), self.divide)
        rows_NS = next(blocks)
        while left > 0:
            lanes = int(min(batch_size, left))
            while len(rows_NS) < lanes:
                rows_NS = torch.cat([rows_NS, next(blocks)])
            yield self.lay_out(rows_NS[:lanes], length)
            rows_NS = rows_NS[lanes:]
            left -= lanes

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Right and scored positions, nats, sequences without an error, and sequences."""
        right_TB = (logits.argmax(-1) == batch.targets) * batch.weight
        return {
            "right": right_TB.sum(),
            "scored": batch.weight.sum(),
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
            "perfect": (right_TB.sum(0) == batch.weight.sum(0)).sum(),
            "sequences": torch.tensor(batch.weight.shape[1]),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {
            self.spec.metric.name: totals["right"] / totals["scored"],
            "sequence_accuracy": totals["perfect"] / totals["sequences"],
            "nll": totals["nll"] / totals["scored"],
        }


def held_out(split: Split) -> Generator:
    """The generator of a valid or test split: the same in every run, so that all runs are scored on the same data."""
    return Generator().manual_seed(_SEEDS[split])


def draw(split: Split, sample: Callable[[int], Tensor], divide: Callable[[Tensor], Tensor]) -> Iterator[Tensor]:
    """Blocks `[N, S]` of one split's rows, without end: rows of `sample(count)` in other splits are rejected.

    `divide` gives the split of each row, as `split_of` does.

    Raises DataError where so few different rows exist that none is of this split.
    """
    wanted = ("train", "valid", "test").index(split)
    while True:
        rows_NS = sample(_BLOCK)
        kept_NS = rows_NS[divide(rows_NS) == wanted]
        if not len(kept_NS):
            raise DataError(
                f"no sequence of the task falls into its {split} split: choose options that give more of them"
            )
        yield kept_NS


def split_of(rows_NS: Tensor) -> Tensor:
    """The split `[N]` that each row of integers belongs to by a hash of its content: 0 train, 1 valid, 2 test.

    One row in ten is a valid one and one in ten a test one. The hash is that of SplitMix64 (Steele, Lea & Flood 2014)
    with shifts that keep the sign, as torch's do, chained over the row, so that no simple rule tells the splits apart.
    """
    gamma, first, second = (_signed(word) for word in _MIX)
    hash_N = torch.zeros(len(rows_NS), dtype=torch.int64)
    for number_N in rows_NS.unbind(1):
        hash_N = hash_N * 31 + number_N + gamma
        hash_N = (hash_N ^ (hash_N >> 30)) * first
        hash_N = (hash_N ^ (hash_N >> 27)) * second
        hash_N = hash_N ^ (hash_N >> 31)
    bucket_N = hash_N.remainder(10)
    return torch.where(bucket_N < 8, 0, bucket_N - 7)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def choose(count: int, size: int, picks: int, generator: Generator, weights: Tensor | None = None) -> Tensor:
    """`picks` different numbers out of `range(size)`, in random order, for each of `count` rows: `[count, picks]`.

    With `weights [size]` one after the other by weight, without replacement: the clocks of a race, each ringing after
    an exponential time of rate `weight`, ring in that order (Efraimidis & Spirakis 2006).
    """
    clocks_NK = torch.empty(count, size, dtype=torch.float64).exponential_(generator=generator)
    if weights is not None:
        clocks_NK /= weights
    return clocks_NK.topk(picks, largest=False).indices


def check_range(least: int, most: int | None = None, /, **options: int | None) -> None:
    """Raise ValueError, naming the option, where a value lies outside `least` to `most`; None is not checked."""
    for name, value in options.items():
        if value is not None and (value < least or (most is not None and value > most)):
            wanted = f"at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"task.{name}={value} must be {wanted}")


def check_enough(different: int, held_out: int, remedy: str) -> None:
    """Raise ValueError where `different` sequences are too few for splits of `held_out` in valid and in test."""
    if different < 10 * held_out:
        raise ValueError(
            f"these options give {different} different sequences, too few for task.held_out={held_out}: {remedy}"
        )
