"""Parity: at every time step, tell whether the number of ones so far is odd.

Data card. A sequence holds `length` random bits:

    inputs    1 0 1 1 0
    targets   1 1 0 1 1      all scored

An automaton with two states solves the task at any length. Attention and linear recurrences without negative
coefficients cannot (Hahn, "Theoretical limitations of self-attention in neural sequence models", TACL 2020; Sarrof,
Veitsman & Hahn, "The expressive capacity of state space models", NeurIPS 2024). Delétang et al., "Neural networks and
the Chomsky hierarchy", ICLR 2023, ask for the parity at the last step alone; their recurrent networks, trained on
lengths up to 40, generalise to 500. There the loss does not fall until a model uses every bit, which measures luck in
training more than memory. This variant therefore asks at every step.

Metric: accuracy, the share of steps whose most likely parity is right. Chance is 1/2: the parity of random bits is a
random bit. Solved is 1. `sequence_accuracy` is the share of sequences without an error. With `test_length`, test
sequences have another length. Sequences are generated, without end in train; a hash of the bits decides the split.

Audit (`bench check task=parity --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 0.5012 (the best
constant 0.5004); in order 1, from the end 0.4987, in random order 0.4988. Of 1000 sequences of test none is in train or
near one of it.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_enough, check_range


class Parity(Generated):
    """`length` bits (in test `test_length`, where set).

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(self, length: int = 40, held_out: int = 1000, test_length: int | None = None) -> None:
        check_range(1, length=length, test_length=test_length)
        super().__init__(length, test_length, held_out)
        check_enough(2 ** min(self.lengths.values()), held_out, "raise task.length, or lower task.held_out")

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(
            id="parity-v1",
            inputs=Tokens(2),
            outputs=2,
            reads="every_step",
            metric=Metric("accuracy", "share", "max", chance=0.5, solved=1.0),
            source="generated; parity at every step",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The bits."""
        return torch.randint(2, (count, length), generator=generator)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: the bits. Targets: their parity up to and with each step."""
        inputs_TB = rows_BS.T.contiguous()
        targets_TB = inputs_TB.cumsum(0) % 2
        return Batch(inputs_TB, targets_TB, torch.ones(inputs_TB.shape))
