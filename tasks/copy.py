"""The copy task: remember symbols over a delay, then repeat them in order; in three variants of the literature.

Data card. A sequence of `symbols + delay + symbols` time steps begins with S random symbols, which the model must
repeat from step S + delay on. The variants differ in the places of the marker M that calls for the recall:

    arjovsky   s_1 ... s_S   0 ... 0 M   0 ... 0        once, one step before
    bai        s_1 ... s_S   0 ... 0 M   M ... M        one step before and on to the end
    s4         s_1 ... s_S   0 ... 0 0   M ... M        at each step that recalls
    targets    - ... -       - ... - -   s_1 ... s_S    in all three; '-' is not scored

- arjovsky (`copy-v1`): Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", ICML 2016, section 4.1,
  with 10 symbols out of 8 and delays of 100 to 500; earlier in Hochreiter & Schmidhuber 1997.
- bai (`copy-bai-v1`): Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks
  for sequence modeling", 2018, with 10 symbols out of 8 and delays of 500 to 2000.
- s4 (`copy-s4-v1`): the data set `copying` in the code of S4 (Gu, Goel & Ré, "Efficiently modeling long sequences with
  structured state spaces", ICLR 2022), with 10 symbols out of 8 and a delay of 100.

Loss and score cover only the S recall positions. The first two papers also score the blanks before them, which every
model soon predicts: with these, a model that recalls nothing has an accuracy above (delay + symbols) / (delay + 2 *
symbols) and looks as if it had solved the task. Their baseline of the loss, symbols * ln(alphabet) / (delay + 2 *
symbols), corresponds to ln(alphabet) here.

Metric: recall accuracy, the share of recall positions whose most likely symbol is right. Chance is 1 / alphabet, since
symbols are uniform and independent; solved is 1. With `test_delay`, test sequences have another delay. Sequences are
generated, without end in train. A hash of the symbols alone decides the split, so that test symbols are new at every
delay.

Audit (`bench check task=copy --audit`, a GRU of 32 units, 300 steps), recall accuracy: with shuffled labels 0.1354 (the
best constant 0.1344); in order 0.3882, from the end 0.4272, in random order 0.376. Of 1000 sequences of test none is in
train or near one of it; in the other two variants blanks and markers make 99% of both near one another.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_enough, check_range

_SOURCES = {
    "arjovsky": ("copy-v1", "variant of Arjovsky, Shah & Bengio 2016 (one marker)"),
    "bai": ("copy-bai-v1", "variant of Bai, Kolter & Koltun 2018 (marked to the end)"),
    "s4": ("copy-s4-v1", "variant of the code of S4, Gu, Goel & Ré 2022 (recall steps marked)"),
}


class Copy(Generated):
    """`symbols` symbols to remember, out of an `alphabet`, over a `delay` of time steps.

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        symbols: int = 5,
        delay: int = 10,
        alphabet: int = 8,
        held_out: int = 1000,
        test_delay: int | None = None,
        variant: Literal["arjovsky", "bai", "s4"] = "arjovsky",
    ) -> None:
        check_range(1, symbols=symbols, delay=delay, test_delay=test_delay)
        check_range(2, 1000, alphabet=alphabet)
        super().__init__(delay, test_delay, held_out)
        check_enough(alphabet**symbols, held_out, "raise task.symbols or task.alphabet, or lower task.held_out")
        self.symbols, self.alphabet, self.variant = symbols, alphabet, variant

    @property
    def spec(self) -> TaskSpec:
        name, source = _SOURCES[self.variant]
        return TaskSpec(
            id=name,
            inputs=Tokens(self.alphabet + 2),
            outputs=self.alphabet,
            reads="every_step",
            metric=Metric("recall_accuracy", "share", "max", chance=1 / self.alphabet, solved=1.0),
            source=f"generated; {source}",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The symbols, from 0 up."""
        return torch.randint(self.alphabet, (count, self.symbols), generator=generator)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: 0 is the blank, 1 the marker, 2 and up the symbols. Targets: the symbols from 0 up."""
        lanes, recall = len(rows_BS), self.symbols + length
        marks = {"arjovsky": slice(recall - 1, recall), "bai": slice(recall - 1, None), "s4": slice(recall, None)}
        inputs_TB = torch.zeros(recall + self.symbols, lanes, dtype=torch.int64)
        inputs_TB[: self.symbols] = rows_BS.T + 2
        inputs_TB[marks[self.variant]] = 1
        targets_TB = torch.zeros_like(inputs_TB)
        targets_TB[recall:] = rows_BS.T
        weight_TB = torch.zeros(inputs_TB.shape)
        weight_TB[recall:] = 1
        return Batch(inputs_TB, targets_TB, weight_TB)
