"""The copy task with one marker: remember some symbols over a delay, then say them in order.

Data card. The variant of Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", ICML 2016, section
4.1, there with 10 symbols out of 8 and delays of 100 to 500; earlier in Hochreiter & Schmidhuber 1997. A sequence of
`symbols + delay + symbols` time steps holds

    s_1 ... s_S   0 ... 0 M   0 ... 0        S random symbols, delay - 1 blanks and the marker M, S blanks
    - ... -       - ... - -   s_1 ... s_S    the targets; '-' is not scored

Loss and score look at the S recall positions only. (The paper also charges for the blanks in between, which any model
gets right at once: counted in, a model that never recalls scores 2 * delay / (2 * delay + symbols) and looks solved.)
Not to be confused with the variants of Bai et al. 2018 (blanks marked until the end) and of S4 (a longer alphabet).

Metric: recall accuracy, the share of recall positions where the most likely symbol is right. Chance is 1 / alphabet,
solved is 1. Sequences are generated, endless in train; each possible one belongs to exactly one split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, Split, Task, TaskSpec, Tokens

from .generated import draw, held_out


class Copy(Task):
    """`symbols` symbols to remember, out of an `alphabet`, over a `delay` of time steps.

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(self, symbols: int = 5, delay: int = 20, alphabet: int = 8, held_out: int = 1000) -> None:
        for name, value, least in (("symbols", symbols, 1), ("delay", delay, 1), ("held_out", held_out, 1)):
            if value < least:
                raise ValueError(f"task.{name}={value} must be at least {least}")
        if not 2 <= alphabet <= 1000:
            raise ValueError(f"task.alphabet={alphabet} must be from 2 to 1000")
        if alphabet**symbols < 10 * held_out:
            raise ValueError(
                f"task.alphabet={alphabet} with task.symbols={symbols} gives {alphabet**symbols} different sequences, "
                f"too few for task.held_out={held_out}: raise symbols or alphabet, or lower held_out"
            )
        self.symbols, self.delay, self.alphabet, self.held_out = symbols, delay, alphabet, held_out

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(
            id="copy-v1",
            inputs=Tokens(self.alphabet + 2),
            outputs=self.alphabet,
            reads="every_step",
            metric=Metric("recall_accuracy", "share", "max", chance=1 / self.alphabet, solved=1.0),
            source="generated; variant of Arjovsky, Shah & Bengio 2016 (one marker)",
            licence="none needed",
        )

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """Endless in train; `held_out` sequences in valid and test, the last batch smaller where they do not divide."""
        if split == "train":
            while True:
                yield self._batch(draw("train", batch_size, self._sample, generator))
        for part_BS in draw(split, self.held_out, self._sample, held_out(split)).split(batch_size):
            yield self._batch(part_BS)

    def _sample(self, count: int, generator: Generator) -> Tensor:
        return torch.randint(self.alphabet, (count, self.symbols), generator=generator)

    def _batch(self, symbols_BS: Tensor) -> Batch:
        """Inputs: 0 is the blank, 1 the marker, 2 and up the symbols. Targets: the symbols from 0 up."""
        lanes, recall_at = len(symbols_BS), self.symbols + self.delay
        inputs_TB = torch.zeros(recall_at + self.symbols, lanes, dtype=torch.int64)
        inputs_TB[: self.symbols] = symbols_BS.T + 2
        inputs_TB[recall_at - 1] = 1
        targets_TB = torch.zeros_like(inputs_TB)
        targets_TB[recall_at:] = symbols_BS.T
        weight_TB = torch.zeros(inputs_TB.shape)
        weight_TB[recall_at:] = 1
        return Batch(inputs_TB, targets_TB, weight_TB, fresh=torch.ones(lanes, dtype=torch.bool))

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Right symbols, scored symbols, nats, sequences recalled without an error, and sequences."""
        right_TB = (logits.argmax(-1) == batch.targets) * batch.weight
        return {
            "right": right_TB.sum(),
            "recalled": batch.weight.sum(),
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
            "perfect": (right_TB.sum(0) == batch.weight.sum(0)).sum(),
            "sequences": torch.tensor(batch.weight.shape[1]),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {
            "recall_accuracy": totals["right"] / totals["recalled"],
            "sequence_accuracy": totals["perfect"] / totals["sequences"],
            "nll": totals["nll"] / totals["recalled"],
        }
