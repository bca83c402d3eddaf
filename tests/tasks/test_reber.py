"""Reber's grammar: strings that its machine makes, all legal next letters, and scores of whole strings."""

import re
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import seeded

from bench.tasks.reber import LETTERS, Reber, count_sequences, machine_of

plain_and_embedded = pytest.mark.parametrize("embedded", [False, True])


def strings(task, count=20):
    """The whole strings of so many sequences of train, and the letters of each sequence."""
    batches = islice(task.batches("train", 8, seeded(1)), count // 8 + 1)
    lanes = ["".join(LETTERS[i] for i in lane) for batch in batches for lane in batch.inputs.T.tolist()]
    pattern = r"B[TP]B[^E]*E[TP]E" if task.embedded else r"B[^E]*E"
    return [string for lane in lanes for string in re.findall(pattern, lane)]


# The arcs of Reber's figure, by hand, as (state, letter, next state)
ARCS = {
    (0, "T"): 1, (0, "P"): 2, (1, "S"): 1, (1, "X"): 3, (2, "T"): 2, (2, "V"): 4,
    (3, "X"): 2, (3, "S"): 5, (4, "P"): 3, (4, "V"): 5, (5, "E"): 6,
}  # fmt: skip


def legal_inner(string):
    """Whether a string from B to E goes along the arcs."""
    state = 0
    for letter in string[1:]:
        state = ARCS.get((state, letter), -1)
    return string[0] == "B" and state == 6


def test_strings_are_of_the_grammar():
    found = strings(Reber(held_out=10))
    assert len(found) > 50 and all(map(legal_inner, found))
    assert {"BTXSE", "BPVVE"} <= set(found)


def test_embedded_strings_repeat_their_second_letter_at_the_end():
    found = strings(Reber(embedded=True, held_out=10))
    assert len(found) > 30 and {string[1] for string in found} == {"T", "P"}
    assert all(string[1] == string[-2] and legal_inner(string[2:-2]) for string in found)


@plain_and_embedded
@given(seed=st.integers(0, 99))
def test_each_next_letter_is_in_its_set_and_sets_have_one_or_two(embedded, seed):
    batch = next(Reber(embedded, held_out=10).batches("train", 4, seeded(seed)))
    assert batch.targets[:-1].gather(2, batch.inputs[1:, :, None]).all()
    assert set(batch.targets.sum(-1).flatten().tolist()) <= {1.0, 2.0}


@plain_and_embedded
def test_sequences_are_counted(embedded):
    machine, length = machine_of(embedded), 9
    lanes = {(0, "")}
    for _ in range(length):
        lanes = {(to, text + letter) for state, text in lanes for letter, to in machine[state].items()}
    assert count_sequences(machine, length) == len(lanes)


def test_who_forgets_the_second_letter_is_right_in_half_of_the_strings():
    task = Reber(embedded=True, held_out=400)
    totals: dict[str, float] = {}
    for batch in task.batches("test", 100, seeded()):
        # the sure answer, but T wherever the inner string has just ended
        logits_TBC = batch.targets.clone()
        ended_TB = (batch.inputs == LETTERS.index("E")) & (batch.targets[..., LETTERS.index("B")] == 0)
        logits_TBC[ended_TB] = torch.eye(len(LETTERS))[LETTERS.index("T")]
        for name, value in task.tally(logits_TBC, batch).items():
            totals[name] = totals.get(name, 0.0) + float(value)
    assert totals["legal"] / totals["steps"] > 0.9
    assert totals["strings"] > 1000
    assert task.scores(totals)["string_accuracy"] == pytest.approx(
        task.spec.metric.baselines["inner_grammar"], abs=0.05
    )
    assert task.scores(totals)["string_accuracy"] < 0.6
