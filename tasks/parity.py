"""Parity: say at every step whether the ones so far are odd in number.

Data card. A sequence holds `length` random bits:

    inputs    1 0 1 1 0
    targets   1 1 0 1 1      all scored

Two states and a flip do it at any length; attention and linear recurrences without negative coefficients cannot (Hahn,
"Theoretical limitations of self-attention in neural sequence models", TACL 2020; Sarrof, Veitsman & Hahn, "The
expressive capacity of state space models", NeurIPS 2024). This variant asks at every step. To ask at the last step
alone (Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, where recurrent networks hold from
lengths of 40 in training to 500) leaves gradient descent nothing to climb until every bit is heeded, and so measures
luck in training more than memory.

Metric: accuracy, the share of steps where the most likely parity is right. Chance is 1/2: the parity of random bits is
a random bit. Solved is 1; `sequence_accuracy` shows whether errors are rare or pile up. With `test_length` test
sequences are of another length. Sequences are generated, endless in train; the bits decide the split.
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
