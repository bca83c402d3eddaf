"""The copy task: its layout by hand, splits that never meet, and scores on recall alone."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import seeded

from bench.tasks.copy import Copy

SPLITS = ("train", "valid", "test")


def batch_of(symbols, delay=3, alphabet=8):
    task = Copy(symbols=len(symbols[0]), delay=delay, alphabet=alphabet, held_out=1)
    return task, task.lay_out(torch.tensor(symbols), delay)


def sequences(task, split, batch_size=100, count=20, seed=0):
    """The symbols of up to `count` batches of a split, each sequence a tuple."""
    batches = islice(task.batches(split, batch_size, seeded(seed)), count)
    return [tuple(lane) for batch in batches for lane in batch.inputs[: task.symbols].T.tolist()]


def test_the_layout_is_the_docstrings():
    """Two lanes of two symbols, s + 2 in the inputs: symbols, delay - 1 blanks, marker, blanks."""
    _, batch = batch_of([[0, 7], [4, 4]], delay=3)
    assert batch.inputs.T.tolist() == [[2, 9, 0, 0, 1, 0, 0], [6, 6, 0, 0, 1, 0, 0]]
    assert batch.weight.T.tolist() == [[0, 0, 0, 0, 0, 1, 1]] * 2
    assert batch.targets[5:].T.tolist() == [[0, 7], [4, 4]]
    assert batch.fresh.tolist() == [True, True]


@given(st.integers(4, 7), st.integers(1, 9), st.integers(4, 9))
def test_sizes_are_those_of_the_options(symbols, delay, alphabet):
    task = Copy(symbols, delay, alphabet, held_out=5)
    batch = next(task.batches("train", 3, seeded()))
    assert batch.inputs.shape == batch.targets.shape == batch.weight.shape == (2 * symbols + delay, 3)
    assert batch.inputs.max() < task.spec.inputs.size == alphabet + 2
    assert batch.targets.max() < task.spec.outputs == alphabet
    assert batch.weight.sum() == 3 * symbols
    assert (batch.inputs == 1).sum(0).tolist() == [1] * 3


def test_the_same_generator_gives_the_same_batches_and_another_does_not():
    task = Copy()
    assert sequences(task, "train", seed=1) == sequences(task, "train", seed=1)
    assert sequences(task, "train", seed=1) != sequences(task, "train", seed=2)


def test_no_sequence_is_in_two_splits():
    task = Copy()
    train, valid, test = (set(sequences(task, split)) for split in SPLITS)
    assert train.isdisjoint(valid)
    assert train.isdisjoint(test)
    assert valid.isdisjoint(test)


@given(st.sampled_from(["valid", "test"]), st.integers(1, 70), st.integers(0, 9))
def test_held_out_sequences_are_the_same_for_every_batch_size_and_generator(split, batch_size, seed):
    task = Copy(held_out=60)
    assert sequences(task, split, batch_size, count=None, seed=seed) == sequences(task, split, count=None)


def totals(task, batch, logits):
    return {name: value.item() for name, value in task.tally(logits, batch).items()}


def scores_on_valid(task, logits_of):
    sums = {}
    for batch in task.batches("valid", 100, seeded()):
        for name, value in totals(task, batch, logits_of(batch)).items():
            sums[name] = sums.get(name, 0) + value
    return task.scores(sums)


def knowing(batch):
    """Logits that have it right, wherever the weight is 1."""
    return torch.nn.functional.one_hot(batch.targets, 8).float() * 50


@pytest.mark.parametrize("symbol", range(8))
def test_a_constant_answer_scores_chance(symbol):
    """Whatever it says, and however long the blanks between: not the 99% of a score that counts blanks."""
    task = Copy(symbols=5, delay=100)
    constant = torch.eye(8)[symbol].expand(110, 1, 8)
    scores = scores_on_valid(task, lambda batch: constant.expand(-1, len(batch.fresh), -1))
    assert scores["recall_accuracy"] == pytest.approx(task.spec.metric.chance, abs=0.02)
    assert scores["sequence_accuracy"] == pytest.approx(0, abs=0.01)


def test_a_score_over_all_positions_would_not_be_chance():
    task = Copy(symbols=5, delay=100)
    batch = next(task.batches("valid", 100, seeded()))
    everywhere = torch.ones_like(batch.weight)
    right = (torch.zeros_like(batch.targets) == batch.targets) * everywhere
    assert right.sum() / everywhere.sum() > 0.95


def test_a_perfect_answer_is_solved():
    task = Copy()
    scores = scores_on_valid(task, knowing)
    assert scores["recall_accuracy"] == scores["sequence_accuracy"] == task.spec.metric.solved == 1
    assert scores["nll"] < 1e-6


def test_a_sequence_is_right_only_as_a_whole():
    task, batch = batch_of([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]])
    logits = knowing(batch)
    logits[-1, 0] = torch.eye(8)[0] * 99
    assert totals(task, batch, logits)["perfect"] == 1
    assert totals(task, batch, logits)["right"] == 9


@given(st.integers(1, 9), st.integers(0, 99))
def test_tallies_add_up_over_lanes(cut, seed):
    task = Copy()
    (whole,) = islice(task.batches("train", 10, seeded(seed)), 1)
    logits = torch.randn(*whole.targets.shape, 8, generator=seeded(seed))
    parts = [batch_lanes(task, whole, lanes) for lanes in (slice(0, cut), slice(cut, None))]
    together = totals(task, whole, logits)
    apart = [totals(task, part, logits[:, lanes]) for part, lanes in parts]
    assert {name: sum(part[name] for part in apart) for name in together} == pytest.approx(together, rel=1e-5)


def batch_lanes(task, batch, lanes):
    return task.lay_out(batch.inputs[: task.symbols, lanes].T - 2, task.lengths["train"]), lanes


def test_what_stands_where_nothing_is_scored_does_not_matter():
    task, batch = batch_of([[1, 2, 3, 4, 5]])
    logits = torch.randn(*batch.targets.shape, 8, generator=seeded())
    other = torch.where(batch.weight[..., None] > 0, logits, -logits)
    assert totals(task, batch, logits) == totals(task, batch, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symbols": 0}, "task.symbols=0 must be at least 1"),
        ({"delay": 0}, "task.delay=0 must be at least 1"),
        ({"held_out": 0}, "task.held_out=0 must be at least 1"),
        ({"alphabet": 1}, "task.alphabet=1 must be from 2 to 1000"),
        (
            {"symbols": 3},
            "give 512 different sequences, too few for task.held_out=1000: raise task.symbols or task.alphabet, or",
        ),
    ],
)
def test_options_out_of_range_are_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        Copy(**options)
