"""Dyck languages, a context-free grammar: well-nested brackets of several types; predict the type of each closing one.

Data card. Dyck-(k, m) of Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal memory", EMNLP
2020, has k `types` of brackets, of which at most m = `depth` are open at a time. With no open bracket the next one
opens; with m open brackets it closes; otherwise it does either with probability 1/2. The type of an opening bracket is
uniform. A sequence has `length` time steps, and some brackets may stay open at its end. Before each closing bracket the
model must predict its type, which is the type of the last bracket still open:

    inputs    (  [  (  )  ]  [  ]  )
    targets   -  -  (  [  -  [  (  -      '-' is not scored: the next bracket opens, or there is none

Metric: accuracy, the share of closing brackets whose predicted type is right. As in Hewitt et al., the question is
which bracket closes, given that one closes; whether one closes is random. Suzgun et al., "LSTM networks can perform
dynamic counting" and "Memory-augmented recurrent neural networks can learn generalized Dyck languages", both 2019, ask
for the set of all legal next brackets, and count sequences without an error. Their share depends on the length; the
nearest figure here is `sequence_accuracy`.

Chance is 1 / types, since types are uniform and independent. The baseline `last_opened` predicts the type of the last
opening bracket, closed or not: it is right if that bracket closes at once, and otherwise by chance. Solved is 1: a
stack of m types suffices, which fits into O(m log k) units of a recurrent network (Hewitt et al.). With `test_length`,
test sequences have another length but the same depth. Sequences are generated, without end in train; a hash of the
brackets decides the split.

Audit (`bench check task=dyck --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 0.1243 (the best
constant 0.1287); in order 0.9401, from the end 0.1858, in random order 0.1982. Of 1000 sequences of test none is in
train or near one of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_enough, check_range


class Dyck(Generated):
    """Brackets of some `types`, at most `depth` deep, over `length` time steps (in test `test_length`, where set).

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(
        self,
        types: int = 8,
        depth: int = 5,
        length: int = 64,
        held_out: int = 1000,
        test_length: int | None = None,
    ) -> None:
        check_range(2, 1000, types=types)
        check_range(1, depth=depth)
        check_range(depth + 1, length=length, test_length=test_length)  # so that each sequence closes a bracket
        super().__init__(length, test_length, held_out)
        different = count_sequences(types, depth, min(self.lengths.values()))
        check_enough(different, held_out, "raise task.types, task.depth or task.length, or lower task.held_out")
        self.types, self.depth = types, depth
        at_once = closed_at_once(depth, self.lengths["test"])
        self._last_opened = at_once + (1 - at_once) / types

    @property
    def spec(self) -> TaskSpec:
        baselines = {"last_opened": self._last_opened}
        return TaskSpec(
            id="dyck-v1",
            inputs=Tokens(2 * self.types),
            outputs=self.types,
            reads="every_step",
            metric=Metric("accuracy", "share", "max", chance=1 / self.types, solved=1.0, baselines=baselines),
            source="generated; Dyck-(k, m) of Hewitt et al. 2020",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The brackets: from 0 the opening ones by type, then the closing ones.

        The depth is a free random walk folded to and fro between 0 and `depth`, which forces the step at both ends.
        On one level, openings and closings alternate: sorted by level, a bracket is closed by the one after it.
        """
        steps_NT = 2 * torch.randint(2, (count, length), generator=generator) - 1
        phase_NT = steps_NT.cumsum(1).remainder(2 * self.depth)
        after_NT = torch.minimum(phase_NT, 2 * self.depth - phase_NT)
        before_NT = F.pad(after_NT, (1, -1))
        opens_NT = after_NT > before_NT
        types_NT = torch.randint(self.types, opens_NT.shape, generator=generator)
        by_level_NT = torch.maximum(before_NT, after_NT).argsort(dim=1, stable=True)
        sorted_NT = types_NT.gather(1, by_level_NT)
        matched_NT = torch.where(opens_NT.gather(1, by_level_NT), sorted_NT, sorted_NT.roll(1, dims=1))
        return torch.zeros_like(types_NT).scatter_(1, by_level_NT, matched_NT) + self.types * ~opens_NT

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: the brackets. Targets: the type of each next one, scored where that one closes."""
        inputs_TB = rows_BS.T.contiguous()
        next_TB = F.pad(inputs_TB[1:], (0, 0, 0, 1))
        weight_TB = (next_TB >= self.types).float()
        return Batch(inputs_TB, next_TB % self.types, weight_TB)


def count_sequences(types: int, depth: int, length: int) -> int:
    """How many sequences of `length` brackets there are."""
    counts = [1, *[0] * depth]  # by the number of open brackets
    for _ in range(length):
        opened, closed = [0, *(types * count for count in counts[:-1])], [*counts[1:], 0]
        counts = [o + c for o, c in zip(opened, closed, strict=True)]
    return sum(counts)


def closed_at_once(depth: int, length: int) -> float:
    """The share of the closing ones, among `length` brackets, that come right after the one they close."""
    opens = [1.0, *[0.5] * (depth - 1), 0.0]  # by the number of open brackets
    at = [1.0, *[0.0] * depth]  # the probability of each number
    at_once = closings = 0.0
    for _ in range(length - 1):
        up = [p * o for p, o in zip(at, opens, strict=True)]
        at_once += sum(p * (1 - o) for p, o in zip(up, opens[1:], strict=False))
        down = [p - u for p, u in zip(at, up, strict=True)]
        at = [u + d for u, d in zip([0.0, *up[:-1]], [*down[1:], 0.0], strict=True)]
        closings += sum(p * (1 - o) for p, o in zip(at, opens, strict=True))
    return at_once / closings
