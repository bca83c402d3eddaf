"""Multi-query associative recall (MQAR): remember the value of each key, and predict it when the key comes again.

Data card. From Arora et al., "Zoology: measuring and improving recall in efficient language models", ICLR 2024, and its
code (a vocabulary of 8192; 4, 8, 16 and 64 pairs at lengths of 64, 128, 256 and 512). A sequence of `length` time steps
begins with `pairs` pairs of a key and a value; its keys are all different, and so are its values. Then each key comes
again once, an even number of steps after the pairs, among blanks. At that step the model must predict its value:

    inputs    k_1 v_1 k_2 v_2   0 0 k_2 0 k_1 0 0 0
    targets   -   -   -   -     - - v_2 - v_1 - - -      '-' is not scored

The places are drawn for one key after the other, without replacement. The n-th place after the pairs has the weight
n ** (power - 1), since gaps in real text follow a power law. A small `power` (0.01 in the paper) makes most gaps short;
1 makes all places equally likely. The first half of the `vocabulary` is the blank and the keys, the second half the
values.

Metric: accuracy, the share of queries whose most likely value is right. Chance is 1 / values = 2 / vocabulary, since
all values are equally likely. A model that remembers a sequence's values but not their keys scores 1 / pairs (baseline
`a_value_seen`). Solved is 1. Published: attention solves all settings of the paper at a width of 64; the width that
gated convolutions need grows with the length (figure 2). With `test_length`, test sequences have another length.
Sequences are generated, without end in train; a hash of keys, values and places decides the split.

Audit (`bench check task=associative_recall --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels
0.03025 (the best constant 0.03175); in order 0.1231, from the end 0.044, in random order 0.1242. Of 1000 sequences of
test none is in train or near one of it.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_enough, check_range, choose


class AssociativeRecall(Generated):
    """`pairs` pairs out of a `vocabulary` in sequences of `length` time steps, in test `test_length` unless it is None.

    `power` is the exponent of the distribution of gaps; `held_out` is the number of sequences in each of valid and
    test. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        pairs: int = 8,
        vocabulary: int = 64,
        length: int = 64,
        power: float = 0.01,
        held_out: int = 1000,
        test_length: int | None = None,
    ) -> None:
        check_range(1, pairs=pairs)
        check_range(2 * pairs + 2, 1 << 16, vocabulary=vocabulary)
        check_range(4 * pairs, length=length, test_length=test_length)
        if vocabulary % 2:
            raise ValueError(f"task.vocabulary={vocabulary} must be even: half of it are keys, half values")
        if not 0 < power <= 1:
            raise ValueError(
                f"task.power={power} must be above 0 (mostly short gaps) and at most 1 (all gaps equally likely)"
            )
        super().__init__(length, test_length, held_out)
        self.pairs, self.power, self.keys, self.values = pairs, power, vocabulary // 2 - 1, vocabulary // 2
        ways = (self.keys, self.values, self._places(min(self.lengths.values())))
        different = math.prod(math.perm(choices, pairs) for choices in ways)
        check_enough(different, held_out, "raise task.pairs or task.vocabulary, or lower task.held_out")

    @property
    def spec(self) -> TaskSpec:
        baselines = {"a_value_seen": 1 / self.pairs}
        return TaskSpec(
            id="associative-recall-v1",
            inputs=Tokens(1 + self.keys + self.values),
            outputs=self.values,
            reads="every_step",
            metric=Metric("accuracy", "share", "max", chance=1 / self.values, solved=1.0, baselines=baselines),
            source="generated; MQAR of Arora et al. 2023 (Zoology)",
            licence="none needed",
        )

    def _places(self, length: int) -> int:
        """Places for a query: every other step after the pairs."""
        return (length - 2 * self.pairs) // 2

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """Keys, their values and the places of their queries, each from 0 up."""
        places = self._places(length)
        weights = torch.arange(1, places + 1, dtype=torch.float64) ** (self.power - 1)
        keys_NP = choose(count, self.keys, self.pairs, generator)
        values_NP = choose(count, self.values, self.pairs, generator)
        places_NP = choose(count, places, self.pairs, generator, weights)
        return torch.cat([keys_NP, values_NP, places_NP], dim=1)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: 0 is the blank, then come the keys, then the values. Targets: the values from 0 up."""
        lanes, shown = len(rows_BS), 2 * self.pairs
        keys_PB, values_PB, places_PB = rows_BS.T.split(self.pairs)
        queries_PB = shown + 2 * places_PB
        inputs_TB = torch.zeros(length, lanes, dtype=torch.int64)
        inputs_TB[0:shown:2] = keys_PB + 1
        inputs_TB[1:shown:2] = values_PB + 1 + self.keys
        inputs_TB.scatter_(0, queries_PB, keys_PB + 1)
        targets_TB = torch.zeros_like(inputs_TB).scatter_(0, queries_PB, values_PB)
        weight_TB = torch.zeros(length, lanes).scatter_(0, queries_PB, 1.0)
        return Batch(inputs_TB, targets_TB, weight_TB)
