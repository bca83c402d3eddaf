"""Reber's grammar: strings of letters from a small machine; predict which letters may come next.

Data card. Reber, "Implicit learning of artificial grammars", J. Verbal Learning and Verbal Behavior 6 (1967), as used
for recurrent networks by Cleeremans, Servan-Schreiber & McClelland, "Finite state automata and simple recurrent
networks", Neural Computation 1 (1989). A string runs from B to E through the states of the machine; where two letters
lead on, each is taken with probability 1/2:

    B -> 0      0: T -> 1  P -> 2      1: S -> 1  X -> 3      2: T -> 2  V -> 4
                3: X -> 2  S -> 5      4: P -> 3  V -> 5      5: E

With `embedded` (Fahlman 1991; Hochreiter & Schmidhuber 1997) such a string stands within B T ... T E or B P ... P E, at
random: the last letter but one repeats the second, 5 or more letters before it, and nothing between tells which it was.

    B T BPVVE T E      B P BTSXSE P E

A sequence has `length` time steps, with one string after the other, as Gers, Schmidhuber & Cummins, "Learning to
forget", 2000, have them (continual prediction); the last is cut. Targets are the set of letters that may come next, 1
for each and 0 for the others; the loss is the cross-entropy to their distribution, which is even over the set.

Metric: string accuracy, the share of whole strings in which the likeliest next letter is one of the set at every step.
Chance is 0, since no letter may come everywhere. Solved is 1: a machine of 7 states does it, with `embedded` of 19. The
baseline `inner_grammar`, with `embedded`, knows the grammar but not the second letter, and is right in half of all
strings. `legal` is the share of single steps. Published, of single embedded strings: no Elman network learned them,
and the LSTM did in all trials (Hochreiter & Schmidhuber 1997, section 5.1).

With `test_length`, test sequences have another length. Sequences are generated, without end in train; a hash of the
letters decides the split.

Audit (`bench check task=reber --audit`, a GRU of 32 units, 300 steps), string accuracy: with shuffled labels 0.01844
(the best constant 0); in order 1, from the end 0.003947, in random order 0.008859. Of 1000 sequences of test none is in
train or near one of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, TaskSpec, Tokens

from .common.generated import Generated, check_enough, check_range

LETTERS = "BTPSXVE"
Machine = list[dict[str, int]]
"""For each state the letters that may come, and the state that each leads to."""


class Reber(Generated):
    """Strings of Reber's grammar, or of the embedded one, over `length` time steps (in test `test_length`, where set).

    `held_out` is the number of sequences in each of valid and test. Raises ValueError for values out of range.
    """

    def __init__(
        self, embedded: bool = False, length: int = 60, held_out: int = 1000, test_length: int | None = None
    ) -> None:
        check_range(12, length=length, test_length=test_length)
        super().__init__(length, test_length, held_out)
        machine = machine_of(embedded)
        different = count_sequences(machine, min(self.lengths.values()))
        check_enough(different, held_out, "raise task.length, or lower task.held_out")
        self.embedded = embedded
        self._letter = torch.tensor([[LETTERS.index(letter) for letter in _two(state)] for state in machine])
        self._legal = torch.zeros(len(machine), len(LETTERS)).scatter_(1, self._letter, 1)
        self._next = torch.zeros(len(machine), len(LETTERS), dtype=torch.int64)
        for state, ways in enumerate(machine):
            for letter, following in ways.items():
                self._next[state, LETTERS.index(letter)] = following

    @property
    def spec(self) -> TaskSpec:
        baselines = {"inner_grammar": 0.5} if self.embedded else {}
        return TaskSpec(
            id="reber-v1",
            inputs=Tokens(len(LETTERS)),
            outputs=len(LETTERS),
            reads="every_step",
            metric=Metric("string_accuracy", "share", "max", chance=0.0, solved=1.0, baselines=baselines),
            source="generated; the grammar of Reber 1967",
            licence="none needed",
        )

    def sample(self, count: int, length: int, generator: Generator) -> Tensor:
        """The letters."""
        state_N, letters = torch.zeros(count, dtype=torch.int64), []
        for way_N in torch.randint(2, (length, count), generator=generator):
            letters.append(self._letter[state_N, way_N])
            state_N = self._next[state_N, letters[-1]]
        return torch.stack(letters, 1)

    def lay_out(self, rows_BS: Tensor, length: int) -> Batch:
        """Inputs: the letters. Targets: 1 for each letter that may come next."""
        state_B, legal = torch.zeros(len(rows_BS), dtype=torch.int64), []
        for letter_B in rows_BS.unbind(1):
            state_B = self._next[state_B, letter_B]
            legal.append(self._legal[state_B])
        return Batch(rows_BS.T.contiguous(), torch.stack(legal), torch.ones(length, len(rows_BS)))

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy `[T, B]` to the distribution of the next letter, in nats."""
        share_TBC = batch.targets / batch.targets.sum(-1, keepdim=True)
        return -(share_TBC * logits.log_softmax(-1)).sum(-1)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Steps scored and those where the likeliest letter may come; whole strings and those without an error."""
        legal_TB = batch.targets.gather(2, logits.argmax(-1, keepdim=True))[..., 0]
        wrong_TB = (1 - legal_TB) * batch.weight
        ended_TB = (batch.inputs == LETTERS.index("E")) & (batch.targets[..., LETTERS.index("B")] > 0)  # no inner one
        string_TB = ended_TB.long().cumsum(0)
        errors_SB = torch.zeros_like(wrong_TB).scatter_add_(0, string_TB.clamp(max=len(wrong_TB) - 1), wrong_TB)
        whole_SB = torch.arange(len(wrong_TB), device=string_TB.device)[:, None] < string_TB[-1]
        return {
            "legal": (legal_TB * batch.weight).sum(),
            "steps": batch.weight.sum(),
            "perfect": ((errors_SB == 0) & whole_SB).sum(),
            "strings": whole_SB.sum(),
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        return {
            "string_accuracy": totals["perfect"] / totals["strings"] if totals["strings"] else 1.0,
            "legal": totals["legal"] / totals["steps"],
            "nll": totals["nll"] / totals["steps"],
        }


def machine_of(embedded: bool) -> Machine:
    """The machine of the grammar; state 0 is that before a string."""
    if not embedded:
        return _inner(0, 0)
    first: Machine = [{"B": 1}, {"T": 2, "P": 10}]
    return [*first, *_inner(2, 9), {"T": 18}, *_inner(10, 17), {"P": 18}, {"E": 0}]


def _inner(at: int, after: int) -> Machine:
    """Reber's own grammar in states from `at` on, which leads to the state `after`."""
    ways: Machine = [
        {"B": 1}, {"T": 2, "P": 3}, {"S": 2, "X": 4}, {"T": 3, "V": 5}, {"X": 3, "S": 6}, {"P": 4, "V": 6},
    ]  # fmt: skip
    return [*({letter: at + state for letter, state in each.items()} for each in ways), {"E": after}]


def _two(ways: dict[str, int]) -> list[str]:
    """The two letters of a state, or the only one twice."""
    return [*ways, *ways][:2]


def count_sequences(machine: Machine, length: int) -> int:
    """How many sequences of `length` letters there are."""
    counts = [1] + [0] * (len(machine) - 1)
    for _ in range(length):
        after = [0] * len(machine)
        for count, ways in zip(counts, machine, strict=True):
            for state in ways.values():
                after[state] += count
        counts = after
    return sum(counts)
