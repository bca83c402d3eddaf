"""Scaling, the linear baseline and stratified splits, which tasks over features share."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import seeded

from bench.api import DataError
from bench.tasks.common.sequences.classification import Labelled
from bench.tasks.common.sequences.least_squares import linear_accuracy
from bench.tasks.common.sequences.normalise import in_float32, mean_accuracy, means, normalised, spread_notes
from bench.tasks.common.sequences.ragged import Ragged
from bench.tasks.common.sequences.stratified import stratified


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


def in_other_units(splits, scale_F, offset_F):
    """The same data in float64, each feature in another unit and with an offset."""
    return {
        split: Labelled(Ragged(data.sequences.values.double() * scale_F + offset_F, data.sequences.starts), data.labels)
        for split, data in splits.items()
    }


UNITS = st.tuples(st.floats(-12, 12), st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e8]), st.booleans())


@pytest.mark.parametrize("by", ["corpus", "sequence"])
@given(units=st.lists(UNITS, min_size=2, max_size=2))
def test_neither_units_nor_offsets_change_features_or_the_baseline(by, units):
    scale_F = torch.tensor([(-1) ** flip * 10.0**power for power, _, flip in units], dtype=torch.float64)
    offset_F = torch.tensor([times for _, times, _ in units], dtype=torch.float64) * scale_F.abs()
    other = in_other_units(SPLITS, scale_F, offset_F)
    signs_F = scale_F.sign().float()
    for split, data in normalised(other, by).items():
        wanted_SF = normalised(SPLITS, by)[split].sequences.values
        assert data.sequences.values.dtype == torch.float32
        torch.testing.assert_close(data.sequences.values * signs_F, wanted_SF, atol=2e-5, rtol=2e-5)
    assert mean_accuracy(other["train"], other["test"]) == mean_accuracy(SPLITS["train"], SPLITS["test"])


@given(power=st.integers(-150, 150).filter(lambda power: abs(power) > 15))
def test_a_unit_too_small_or_large_for_float32_changes_no_bit(power):
    """Standard deviations around 1 in round units are brought back to just these numbers."""
    decimals = {
        split: Labelled(
            Ragged((data.sequences.values.double() / 3).round(decimals=4), data.sequences.starts), data.labels
        )
        for split, data in SPLITS.items()
    }
    wanted, found = (normalised(splits, "corpus") for splits in (decimals, in_other_units(decimals, 10.0**power, 0.0)))
    assert all(torch.equal(found[split].sequences.values, wanted[split].sequences.values) for split in wanted)


@pytest.mark.parametrize("by", ["corpus", "sequence"])
@given(value=st.floats(-1e12, 1e12))
def test_a_feature_constant_in_train_is_as_if_it_were_not_there(by, value):
    stuck = {}
    for split, data in SPLITS.items():
        extra_S = torch.full((len(data.sequences.values),), value, dtype=torch.float64)
        if split == "test":
            extra_S += torch.arange(len(extra_S))
        values_SF = torch.column_stack([data.sequences.values.double(), extra_S])
        stuck[split] = Labelled(Ragged(values_SF, data.sequences.starts), data.labels)
    without = normalised(in_other_units(SPLITS, 1.0, 0.0), by)
    for split, data in normalised(stuck, by).items():
        assert torch.equal(data.sequences.values[:, :2], without[split].sequences.values)
        assert not data.sequences.values[:, 2].any()
    assert mean_accuracy(stuck["train"], stuck["test"]) == mean_accuracy(SPLITS["train"], SPLITS["test"])
    assert spread_notes(stuck, by, "channel") == ["1 of 3 channels (3) constant in train, and read as 0"]


@given(offset=st.floats(1e4, 1e8), step=st.floats(1e-2, 1.0))
def test_each_sequence_may_have_an_offset_of_its_own(offset, step):
    """As recordings that drift: scaled by its own, a sequence is what it was."""
    drifting = {}
    for split, data in SPLITS.items():
        parts = [each.double() * step + offset * (n + 1) for n, each in enumerate(data.sequences)]
        drifting[split] = Labelled(Ragged.of(parts), data.labels)
    for split, data in normalised(drifting, "sequence").items():
        wanted_SF = normalised(SPLITS, "sequence")[split].sequences.values
        torch.testing.assert_close(data.sequences.values, wanted_SF, atol=1e-3, rtol=1e-3)


def test_a_feature_constant_in_one_sequence_is_0_there_and_said():
    parts = [*SPLITS["train"].sequences, torch.tensor([[0.1, 1.0], [0.1, 3.0], [0.1, 7.0]]) * 1e4]
    data = {"train": Labelled(Ragged.of(parts), torch.zeros(5).long())}
    assert not normalised(data, "sequence")["train"].sequences.values[-3:, 0].any()
    assert spread_notes(data, "sequence", "channel") == ["1 of 5 sequences have a constant channel, read as 0 there"]
    assert spread_notes(data, "corpus", "channel") == []


def test_a_feature_that_hardly_varies_in_train_and_does_in_test_is_said():
    """A sensor that flickers by its last digit cannot be told from one in a small unit: it is scaled, and said."""
    flickers = {}
    for split, data in SPLITS.items():
        values_SF = data.sequences.values.double()
        values_SF[:, 1] = 5 + values_SF[:, 1] * (1 if split == "test" else 1e-8)
        flickers[split] = Labelled(Ragged(values_SF, data.sequences.starts), data.labels)
    said = "1 of 2 channels (2) in test more than 10,000 of train's standard deviations off its mean"
    assert spread_notes(flickers, "corpus", "channel") == [said]
    assert spread_notes(SPLITS, "corpus", "channel") == spread_notes(flickers, "sequence", "channel") == []


def test_an_offset_that_float32_cannot_hold_is_said_where_it_stays():
    shifted = in_other_units(SPLITS, 1.0, torch.tensor([1e6, 10.0], dtype=torch.float64))
    (note,) = spread_notes(shifted, "none", "channel")
    assert note.startswith("1 of 2 channels (1) so far off 0 that float32 rounds what varies")


def test_numbers_beyond_float32_are_refused_where_they_must_stay_as_they_are():
    huge = in_other_units(SPLITS, 1e60, 0.0)
    with pytest.raises(DataError, match=r"task.normalise=none: numbers of up to .*e\+60 are too large for float32"):
        normalised(huge, "none")
    assert in_float32(huge)["train"].sequences.values.abs().max() < 100


def test_none_leaves_the_features_as_they_are():
    assert normalised(SPLITS, "none") == SPLITS
    assert in_float32(SPLITS) == SPLITS, "and float32 that holds them is not copied"


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
