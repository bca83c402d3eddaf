"""Temporal order: of many symbols two are relevant; classify both, in their order, at the end.

Data card. From Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 1997, experiment 6a, in the form
of Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013. A sequence of
`length` time steps has a relevant symbol, A or B, at a random step of its second tenth and another one at a random step
of its sixth tenth. All other steps are distractors out of c, d, e, f.

    inputs    c f d A e e c d f B c d ... e
    target    - - - - - - - - - - - - ... AB      one of AA, AB, BA, BB; '-' is not scored

(In 1997 lengths vary from 100 to 110, and sequences have a start symbol and, for the answer, a trigger symbol; here the
answer is due at the last step.)

Metric: accuracy of the class at the last step. Chance is 1/4: the four classes are equally likely. A model that
remembers only one of the two symbols scores 1/2 (baseline `one_symbol`). Solved is 1. Published: an LSTM learns the
task from 31,390 sequences (1997, table 9). A tanh network with clipped gradients and a regulariser against vanishing
gradients learns lengths of 50 to 200, and generalises to 5000 (2013, section 4.1). With `test_length`, test sequences
have another length, with the same tenths. Sequences are generated, without end in train; a hash of all symbols decides
the split.

Audit (`bench check task=temporal_order --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 0.292
(the best constant 0.265); in order 1, from the end 1, in random order 0.766. Of 1000 sequences of test none is in train
or near one of it.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_range

_RELEVANT, _DISTRACTORS = 2, 4


class TemporalOrder(Generated):
    """`length` symbols (in test `test_length`, where set).

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(self, length: int = 50, held_out: int = 1000, test_length: int | None = None) -> None:
        check_range(10, length=length, test_length=test_length)
        super().__init__(length, test_length, held_out)

    @property
    def spec(self) -> TaskSpec:
        classes = _RELEVANT**2
        baselines = {"one_symbol": 1 / _RELEVANT}
        return TaskSpec(
            id="temporal-order-v2",
            inputs=Tokens(_RELEVANT + _DISTRACTORS),
            outputs=classes,
            reads="last_step",
            metric=Metric("accuracy", "share", "max", chance=1 / classes, solved=1.0, baselines=baselines),
            source="generated; Hochreiter & Schmidhuber 1997 in the form of Pascanu, Mikolov & Bengio 2013",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The two relevant symbols, then all symbols: A and B are 0 and 1, the distractors 2 to 5."""
        tenth = length // 10
        symbols_NT = torch.randint(_RELEVANT, _RELEVANT + _DISTRACTORS, (count, length), generator=generator)
        relevant_N2 = torch.randint(_RELEVANT, (count, 2), generator=generator)
        places_N2 = torch.randint(tenth, (count, 2), generator=generator) + torch.tensor([tenth, length // 2])
        return torch.cat([relevant_N2, symbols_NT.scatter_(1, places_N2, relevant_N2)], dim=1)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: the symbols. Targets: the class at the last step, twice the first relevant symbol plus the second."""
        inputs_TB = rows_BS[:, 2:].T.contiguous()
        targets_TB = torch.zeros_like(inputs_TB)
        targets_TB[-1] = _RELEVANT * rows_BS[:, 0] + rows_BS[:, 1]
        weight_TB = torch.zeros(inputs_TB.shape)
        weight_TB[-1] = 1
        return Batch(inputs_TB, targets_TB, weight_TB)
