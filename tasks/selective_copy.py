"""Selective copying: remember symbols scattered among blanks, then repeat them in order.

Data card. The variant of Gu & Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023, section
3.1 (16 symbols out of 16, over 4096 steps), which is the data set `copying` with `variable=True` in the code of S4. The
first `length` time steps of a sequence hold `symbols` random symbols at random places, and blanks elsewhere. Then come
`symbols` markers M, at which the model must repeat the symbols in order:

    inputs    0 s_1 0 0 s_2 ... s_S 0   M   ... M
    targets   -  -  - -  -  ...  -  -   s_1 ... s_S      '-' is not scored

In the copy task the time step alone tells when to store; here a cell must decide by the content.

Metric: recall accuracy, the share of recall positions whose most likely symbol is right. Chance is 1 / alphabet, since
symbols are uniform and independent; solved is 1. Published (table 1 of the paper): S4 without gates 0.183, in the H3
architecture 0.570, in the Mamba architecture 0.564; S6, the selective state space model, without gates 0.970, in H3
0.997, in Mamba 0.998. With `test_length`, test sequences scatter the same number of symbols over another length.
Sequences are generated, without end in train; a hash of places and symbols decides the split.

Audit (`bench check task=selective_copy --audit`, a GRU of 32 units, 300 steps), recall accuracy: with shuffled labels
0.124 (the best constant 0.125); in order 0.6172, from the end 0.361, in random order 0.375. Of 1000 sequences of test
none is in train or near one of it.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_enough, check_range, choose


class SelectiveCopy(Generated):
    """`symbols` symbols out of an `alphabet`, scattered over `length` time steps (in test `test_length`, where set).

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        symbols: int = 5,
        length: int = 30,
        alphabet: int = 8,
        held_out: int = 1000,
        test_length: int | None = None,
    ) -> None:
        check_range(1, symbols=symbols)
        check_range(2, 1000, alphabet=alphabet)
        check_range(symbols, length=length, test_length=test_length)
        super().__init__(length, test_length, held_out)
        different = math.comb(min(self.lengths.values()), symbols) * alphabet**symbols
        check_enough(different, held_out, "raise task.symbols, task.length or task.alphabet, or lower task.held_out")
        self.symbols, self.alphabet = symbols, alphabet

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(
            id="selective-copy-v1",
            inputs=Tokens(self.alphabet + 2),
            outputs=self.alphabet,
            reads="every_step",
            metric=Metric("recall_accuracy", "share", "max", chance=1 / self.alphabet, solved=1.0),
            source="generated; Gu & Dao 2023",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The places in order, then the symbols from 0 up."""
        places_NS = choose(count, length, self.symbols, generator).sort(dim=1).values
        symbols_NS = torch.randint(self.alphabet, (count, self.symbols), generator=generator)
        return torch.cat([places_NS, symbols_NS], dim=1)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: 0 is the blank, 1 the marker, 2 and up the symbols. Targets: the symbols from 0 up."""
        lanes = len(rows_BS)
        places_SB, symbols_SB = rows_BS.T.split(self.symbols)
        inputs_TB = torch.zeros(length + self.symbols, lanes, dtype=torch.int64)
        inputs_TB.scatter_(0, places_SB, symbols_SB + 2)
        inputs_TB[length:] = 1
        targets_TB = torch.zeros_like(inputs_TB)
        targets_TB[length:] = symbols_SB
        weight_TB = torch.zeros(inputs_TB.shape)
        weight_TB[length:] = 1
        return Batch(inputs_TB, targets_TB, weight_TB)
