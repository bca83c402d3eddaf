"""The adding problem: of many numbers two are marked; predict their sum at the end.

Data card. From Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 1997, experiment 4, in the later
common form (Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015;
Arjovsky, Shah & Bengio 2016). Each of `length` time steps has a value, uniform in [0, 1], and a mark. The mark is 1 at
one random step of the first half and at one random step of the second half, else 0.

    value   .31  .72  .05  .44  .90  .63
    mark     0    1    0    0    0    1
    target   -    -    -    -    -   1.35      '-' is not scored

Metric: mean squared error of the last step's output. Chance is 1/6 = 0.167: the best constant is the mean, 1, and its
error is the variance of a sum of two independent uniform numbers, 2 * 1/12. (Le et al. print 0.1767.) The baseline
`one_value` knows one of the two values and has the error 1/12 = 0.083. Solved is 0. `solved_share` is the share of
sequences with an absolute error below 0.04, the bound of the paper of 1997, whose targets have half our scale.

Published: an LSTM solves lengths of 100, 500 and 1000 after 74,000, 209,000 and 853,000 sequences (1997, table 7).
LSTMs, and ReLU networks with identity initialisation, learn lengths of 150 to 300 (Le et al., section 4.1). With
`test_length`, test sequences have another length. Sequences are generated, without end in train. Values are on a grid
of 2^20 steps, so that a sequence has an exact hash, which decides its split.

Audit (`bench check task=adding --audit`, a GRU of 32 units, 300 steps), mse: with shuffled labels 0.1749 (the best
constant 0.1667); in order 0.08059, from the end 0.0911, in random order 0.1121. Of 1000 sequences of test none is in
train or near one of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from bench.api import Batch, Features, Metric, TaskSpec

from .common.generated import Generated, check_range

_GRID = 1 << 20
_NEAR = 0.04


class Adding(Generated):
    """`length` numbers, two of them marked (in test `test_length`, where set).

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(self, length: int = 50, held_out: int = 1000, test_length: int | None = None) -> None:
        check_range(2, length=length, test_length=test_length)
        super().__init__(length, test_length, held_out)

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(
            id="adding-v2",
            inputs=Features(2),
            outputs=1,
            reads="last_step",
            metric=Metric(
                "mse", "squared error", "min", chance=1 / 6, solved=0.0, baselines={"one_value": 1 / 12}, lowest=0.0
            ),
            source="generated; Hochreiter & Schmidhuber 1997 in the form of Le, Jaitly & Hinton 2015",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The two marked steps, then the values on the grid."""
        half = length // 2
        first_N1 = torch.randint(half, (count, 1), generator=generator)
        second_N1 = torch.randint(half, length, (count, 1), generator=generator)
        values_NT = torch.randint(_GRID, (count, length), generator=generator)
        return torch.cat([first_N1, second_N1, values_NT], dim=1)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs `[T, B, 2]`: value and mark. Targets `[T, B, 1]`: the sum at the last step, 0 elsewhere."""
        lanes = len(rows_BS)
        marked_2B = rows_BS[:, :2].T
        values_TB = (rows_BS[:, 2:].T + 0.5) / _GRID
        marks_TB = torch.zeros(length, lanes).scatter_(0, marked_2B, 1.0)
        targets_TB1 = torch.zeros(length, lanes, 1)
        targets_TB1[-1, :, 0] = values_TB.gather(0, marked_2B).sum(0)
        weight_TB = torch.zeros(length, lanes)
        weight_TB[-1] = 1
        inputs_TBF = torch.stack([values_TB, marks_TB], dim=-1)
        return Batch(inputs_TBF, targets_TB1, weight_TB)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Squared error `[T, B]`."""
        return (logits - batch.targets).squeeze(-1).square()

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Squared errors, sequences with an error below 0.04, and sequences."""
        error_TB = self.loss(logits, batch)
        return {
            "squared_error": (error_TB * batch.weight).sum(),
            "near": ((error_TB < _NEAR**2) * batch.weight).sum(),
            "sequences": batch.weight.sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {
            "mse": totals["squared_error"] / totals["sequences"],
            "solved_share": totals["near"] / totals["sequences"],
        }
