"""Scaling, the linear baseline and stratified splits, which tasks over features share."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import seeded

from bench.tasks.common.classification import Labelled
from bench.tasks.common.least_squares import linear_accuracy
from bench.tasks.common.normalise import mean_accuracy, means, normalised
from bench.tasks.common.ragged import Ragged
from bench.tasks.common.stratified import stratified


def labelled(lengths, shift=0.0):
    sequences = [torch.randn(length, 2, generator=seeded(i)) * 3 + shift for i, length in enumerate(lengths)]
    return Labelled(Ragged.of(sequences), torch.arange(len(lengths)) % 2)


SPLITS = {"train": labelled([5, 9, 2, 30]), "test": labelled([4, 7], shift=10.0)}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_means_are_of_each_sequence(lengths):
    ragged = labelled(lengths).sequences
    torch.testing.assert_close(means(ragged), torch.stack([each.mean(0) for each in ragged]))


def test_corpus_statistics_are_trains_and_serve_all_splits():
    scaled = normalised(SPLITS, "corpus")
    values = SPLITS["train"].sequences.values
    for split, data in SPLITS.items():
        expected = (data.sequences.values - values.mean(0)) / values.std(0, correction=0)
        torch.testing.assert_close(scaled[split].sequences.values, expected)


def test_each_sequence_can_be_scaled_by_its_own():
    for data in normalised(SPLITS, "sequence").values():
        for sequence in data.sequences:
            torch.testing.assert_close(sequence.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
            torch.testing.assert_close(sequence.std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("by", ["corpus", "sequence"])
def test_a_feature_that_never_varies_stays_finite(by):
    flat = {"train": Labelled(Ragged.of([torch.ones(3, 2)]), torch.tensor([0]))}
    assert not normalised(flat, by)["train"].sequences.values.any()


def test_none_leaves_the_features_as_they_are():
    assert normalised(SPLITS, "none") == SPLITS


def test_a_linear_classifier_finds_what_is_linear_and_nothing_else():
    x_NF = torch.randn(400, 2, generator=seeded())
    sums, signs = (x_NF.sum(1) > 0).long(), (x_NF.prod(1) > 0).long()
    assert linear_accuracy(x_NF[:300], sums[:300], x_NF[300:], sums[300:]) > 0.95
    assert linear_accuracy(x_NF[:300], signs[:300], x_NF[300:], signs[300:]) < 0.7


def test_a_class_far_commoner_than_the_other_is_said_where_features_tell_nothing():
    labels = (torch.arange(100) % 10 == 0).long()
    assert linear_accuracy(torch.zeros(100, 1), labels, torch.zeros(100, 1), labels) == 0.9


def test_the_mean_over_time_does_not_know_what_came_first():
    """Rising and falling ramps: the same means, and so no better than chance."""
    ramp = torch.linspace(-1, 1, 9)[:, None]
    noise = torch.randn(400, generator=seeded())
    data = Labelled(Ragged.of([(ramp, -ramp)[i % 2] + noise[i] for i in range(400)]), torch.arange(400) % 2)
    assert mean_accuracy(data, data) < 0.6


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.floats(0.05, 0.5))
def test_every_class_gives_its_share(labels, share):
    labels = torch.tensor(labels)
    chosen = stratified(labels, share, seed=1)
    for label in labels.unique():
        count = int((labels == label).sum())
        assert int(chosen[labels == label].sum()) == max(round(share * count), int(count > 1))
    assert torch.equal(chosen, stratified(labels, share, seed=1))


def test_another_seed_holds_out_others():
    labels = torch.zeros(100).long()
    assert not torch.equal(stratified(labels, 0.2, seed=1), stratified(labels, 0.2, seed=2))
