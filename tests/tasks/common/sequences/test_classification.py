"""Classification reads out each sequence's last real step, and refuses data that cannot be read out or scored."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import a_model, seeded

from bench.api import DataError, Features, Tokens
from bench.checks import check_task
from bench.tasks.common.sequences.classification import Classification, Labelled, last_step
from bench.tasks.common.sequences.ragged import Ragged


def labelled(lengths, labels=None, seed=0):
    sequences = [torch.randn(length, 3, generator=seeded(seed + i)) for i, length in enumerate(lengths)]
    labels = [i % 2 for i in range(len(lengths))] if labels is None else labels
    return Labelled(Ragged.of(sequences), torch.tensor(labels))


def a_task(classes="ab", **splits):
    task = Classification()
    splits = {"train": labelled([3, 4, 5, 2]), "valid": labelled([2, 3]), **splits}
    task.set_data("given-v1", Features(3), list(classes), splits, source="given", licence="none needed")
    return task


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_only_the_last_real_step_of_each_lane_counts(lengths):
    batch = last_step(
        torch.zeros(max(lengths), len(lengths), 3), torch.zeros(len(lengths)).long(), torch.tensor(lengths)
    )
    assert batch.weight.sum(0).tolist() == [1] * len(lengths)
    assert batch.weight.argmax(0).tolist() == [length - 1 for length in lengths]
    assert batch.tokens == sum(lengths)
    assert bool(batch.fresh.all())


def test_what_a_model_says_of_a_sequence_does_not_depend_on_its_neighbours():
    """A sequence alone, and padded beside longer ones, gets the same answer: padding is never read out."""
    ragged = labelled([2, 7, 4]).sequences
    model = a_model()
    together, lengths = ragged.padded(torch.arange(3))
    logits_TBC, _ = model(together.double(), model.initial_state(3))
    for lane, sequence in enumerate(ragged):
        alone, _ = model(sequence[:, None].double(), model.initial_state(1))
        torch.testing.assert_close(logits_TBC[lengths[lane] - 1, lane], alone[-1, 0])


def test_scores_are_shares_of_sequences_not_of_steps():
    task = a_task()
    (batch,) = task.batches("valid", 8, seeded())
    logits = torch.zeros(*batch.targets.shape, 2)
    logits[..., 0] = 9.0  # right for one sequence of two
    scores = task.scores({name: value.item() for name, value in task.tally(logits, batch).items()})
    assert scores["accuracy"] == 0.5
    assert scores["nll"] == pytest.approx(4.5, abs=0.01)


def test_chance_is_the_better_of_trains_commonest_class_and_any_at_random():
    task = a_task("abcd", train=labelled([1] * 4, [1, 1, 1, 0]), test=labelled([1] * 5, [1, 1, 0, 0, 0]))
    assert task.spec.metric.chance == pytest.approx(0.4)
    words = {"train": labelled([1] * 30, range(30)), "test": labelled([1] * 29, range(1, 30))}
    assert a_task([str(word) for word in range(30)], **words).spec.metric.chance == 1 / 30, "the first is not in test"
    assert a_task(train=labelled([1] * 2, [1, 1]), valid=labelled([1] * 4, [1, 1, 1, 0])).spec.metric.chance == 0.75


class FewOfManyWords(Classification):
    """Six words, of which test lacks the one that a constant predictor says."""

    def __init__(self):
        splits = {"train": labelled([1] * 6, range(6)), "test": labelled([1] * 5, range(1, 6), seed=9)}
        self.set_data("given-v1", Features(3), "abcdef", {**splits, "valid": splits["test"]}, "given", "none needed")


def test_a_class_drawn_at_random_is_a_predictor_that_the_law_of_chance_knows():
    (verdict,) = check_task(FewOfManyWords, laws=["a constant predictor scores chance"])
    assert verdict.ok and "a class at random 0.1667, chance 0.1667" in verdict.message


def test_train_is_shuffled_and_valid_is_not():
    task = a_task(train=labelled([3] * 64), valid=labelled([3] * 64))

    def labels(split, seed):
        return torch.cat([batch.inputs[0, :, 0] for batch in task.batches(split, 8, seeded(seed))])

    assert not torch.equal(labels("train", 1), labels("train", 2))
    assert torch.equal(labels("valid", 1), labels("valid", 2))
    assert torch.equal(labels("train", 1).sort().values, labels("train", 2).sort().values)


def test_symbols_are_classified_like_features():
    data = Labelled(Ragged.of([torch.tensor([1, 2]), torch.tensor([3])]), torch.tensor([0, 1]))
    task = Classification()
    task.set_data("given-v1", Tokens(4), "ab", {"train": data, "valid": data}, "given", "none needed")
    (batch,) = task.batches("valid", 8, seeded())
    assert batch.inputs.T.tolist() == [[3, 0], [1, 2]]
    assert list(task.batches("test", 8, seeded())) == []


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"valid": ()}, "given-v1: the valid split is empty"),
        ({"train": labelled([2], [2])}, "given-v1, train: label 2 of sequence 0 is out of range 0 to 1"),
        ({"test": labelled([2, 2], [0, -1])}, "given-v1, test: label -1 of sequence 1 is out of range 0 to 1"),
        ({"test": labelled([2, 0])}, "given-v1, test: sequence 1 has no time step"),
    ],
)
def test_data_that_cannot_be_scored_is_refused(splits, message):
    with pytest.raises(DataError, match=message):
        a_task(**splits)
