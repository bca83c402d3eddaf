"""Labels, injected trouble and the scores from binned errors: what is wrong stands where it is said to."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from tiny import seeded

from bench.tasks.anomaly import Anomaly, _disturbed, _scored, average_precision


@pytest.fixture(scope="module")
def task():
    return Anomaly(steps=1500)


def scores(task, split, forecast):
    totals = {}
    for batch in task.batches(split, 16, seeded()):
        for name, value in task.tally(forecast(batch), batch).items():
            totals[name] = totals.get(name, 0) + value.item()
    return task.scores(totals)


def test_train_is_clean_and_valid_and_test_are_not(task):
    shares = {}
    for split in ("train", "valid", "test"):
        batches = list(task.batches(split, 16, seeded()))
        shares[split] = max(float((b.targets[..., 1] * b.weight).sum()) for b in batches)
    assert shares["train"] == 0 < min(shares["valid"], shares["test"])


def test_a_series_is_disturbed_where_its_label_says_and_nowhere_else():
    y_N = np.sin(np.arange(2000) / 3)
    disturbed_N, label_N = _disturbed(y_N, 1000, 50, seeded())
    touched = disturbed_N != y_N
    assert not label_N[:1000].any() and label_N[1000:].any()
    assert not (touched & (label_N == 0)).any()
    assert touched[label_N == 1].mean() > 0.9  # a stuck value may be right by chance


def test_normal_values_soon_after_an_anomaly_are_not_scored():
    label_N = np.zeros(60)
    label_N[[10, 11, 20]] = 1
    assert [i for i in range(60) if not _scored(label_N)[i]] == [*range(12, 20), *range(21, 41)]


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_average_precision_is_scikit_learns_of_the_binned_errors(steps):
    bins, labels = zip(*steps, strict=True)
    counts = [[sum(b == number and label == wanted for b, label in steps) for number in range(7)] for wanted in (0, 1)]
    wanted = average_precision_score(labels, bins) if any(labels) else 0.0
    assert average_precision(*counts) == pytest.approx(wanted)


def test_who_knows_the_labels_scores_one_and_raises_no_false_alarm(task):
    def knowing(batch):
        return batch.targets[..., :1] + 3 * batch.targets[..., 1:]

    found = scores(task, "test", knowing)
    assert found == pytest.approx({"average_precision": 1, "precision": 1, "recall": 1, "f1": 1, "mse": 0})


def test_one_who_foresees_anomalies_too_finds_none(task):
    found = scores(task, "test", lambda batch: batch.targets[..., :1])
    assert found["recall"] == found["f1"] == found["precision"] == 0 and found["average_precision"] < 0.5


def test_the_alarm_is_a_number_of_standard_deviations_of_the_noise():
    """An error of three is an alarm at two, and none at four."""
    for alarm, recall in ((2.0, 1.0), (4.0, 0.0)):
        task = Anomaly(steps=1500, noise=0.2, alarm=alarm)
        assert scores(task, "test", lambda batch: batch.targets[..., :1] + 0.6)["recall"] == recall


def test_baselines_rank_as_they_should(task):
    metric = task.spec.metric
    assert metric.chance < 0.4 < metric.baselines["linear"] < metric.solved
    wrong = scores(task, "test", lambda batch: torch.zeros_like(batch.targets[..., :1]))
    assert wrong["average_precision"] == pytest.approx(metric.chance)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"steps": 999}, "task.steps=999"), ({"spacing": 39}, "task.spacing=39"), ({"context": 0}, "task.context=0"),
     ({"noise": 0.0}, "task.noise=0"), ({"alarm": -1.0}, "task.alarm=-1")],
)  # fmt: skip
def test_an_option_out_of_range_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        Anomaly(**options)
