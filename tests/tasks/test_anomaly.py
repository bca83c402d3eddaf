"""Labels, injected trouble and the scores from binned errors: what is wrong stands where it is said to."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from tiny import seeded

from bench.api import DataError
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


@pytest.fixture
def watched(tmp_path):
    """A function that makes a task of a CSV file of hourly waves, and of what is wrong with them."""

    def make(
        wrong=(89, 146, 147, 203), labels=True, header="stamp,value,is_anomaly", windows=None, scale=1.0, **options
    ):
        times = pd.date_range("2014-07-01", periods=240, freq="h").strftime("%Y-%m-%d %H:%M:%S")
        values = [round(math.sin(n / 3) + 0.01 * (n % 7) + 0.9 * (n in wrong), 4) * scale for n in range(240)]
        marks = [f",{int(n in wrong)}" * labels for n in range(240)]
        rows = [f"{t},{v!r}{mark}" for t, v, mark in zip(times, values, marks, strict=True)]
        path = tmp_path / "waves.csv"
        path.write_text("\n".join([header, *rows]))
        if windows is not None:
            (tmp_path / "windows.json").write_text(json.dumps(windows))
            options["windows"] = str(tmp_path / "windows.json")
        return Anomaly(str(path), **({"context": 5, "length": 10} | options))

    return make


def test_a_file_with_labels_is_watched_and_says_how(watched):
    task = watched()
    assert task.spec.notes == (
        "forecasts value from value; is_anomaly is left out: labels; stamp is left out: the time",
        "anomalies by the column is_anomaly: 4 of 240 rows",
        "rows of train that are anomalous, and not learned from: 1",
    )
    assert "value of 240 rows" in task.spec.source and task.spec.fingerprint and task.spec.inputs.size == 1
    assert task.spec.metric.baselines["linear"] > 0.9 > task.spec.metric.chance
    for split, anomalous in (("train", 0), ("valid", 2), ("test", 1)):
        batches = list(task.batches(split, 1000, seeded()))
        found = sum(float((batch.targets[..., 1] * batch.weight).sum()) for batch in batches)
        assert found == anomalous
    knowing = scores(task, "test", lambda batch: batch.targets[..., :1] + 3 * batch.targets[..., 1:])
    assert knowing["average_precision"] == knowing["f1"] == 1


def test_a_file_of_windows_that_is_not_there_is_named_by_its_option(tmp_path):
    (tmp_path / "a.csv").write_text("t,v\n1,2.5\n2,1.5\n")
    for name, what in (("none.json", "no such file"), (str(tmp_path), "is a folder, not a file")):
        with pytest.raises(DataError, match=rf"task\.windows={name}: {what}.*; give the path of a JSON file"):
            Anomaly(str(tmp_path / "a.csv"), windows=name)


def test_change_points_beside_labels_are_no_input(tmp_path):
    rows = [f"{math.sin(n)},{int(n % 50 == 49)},{int(n % 50 == 48)}" for n in range(240)]
    (tmp_path / "a.csv").write_text("\n".join(["v,anomaly,changepoint", *rows]))
    note = "forecasts v from v; anomaly, changepoint are left out: labels"
    assert Anomaly(str(tmp_path / "a.csv"), context=5, length=10).spec.notes[0] == note


def test_an_alarm_in_a_file_is_a_number_of_deviations_of_the_linear_forecast(watched):
    residual = watched(alarm=2.0)._threshold / 4
    assert watched(alarm=3.0)._threshold == pytest.approx(9 * residual) and 0 < residual < 0.01


@pytest.mark.parametrize(
    "windows",
    [
        {"data/other.csv": [], "data/waves.csv": [
            ["2014-07-07 02:00:00.000000", "2014-07-07 03:00:00"], ["2014-07-09 11:00", "2014-07-09 11:30"]]},
        {"waves.csv": ["2014-07-07 02:00:00", "2014-07-07 03:00:00", "2014-07-09 11:00:00"]},
        [["2014-07-07T02:00:00Z", "2014-07-07T03:00:00Z"], ["2014-07-09T11:00:00Z", "2014-07-09T11:00:00Z"]],
    ],
)  # fmt: skip
def test_windows_of_time_label_the_same_rows_as_a_column(watched, windows):
    task = watched(labels=False, header="timestamp,value", windows=windows)
    column = watched(wrong=(146, 147, 203))
    both = watched(windows=windows)
    count = 3 if "waves.csv" in windows else 2
    assert task.spec.notes[1] == f"anomalies by {count} windows of windows.json: 3 of 240 rows"
    assert torch.equal(task._windows.targets[:, 1], column._windows.targets[:, 1])
    assert torch.equal(both._windows.targets[:, 1], column._windows.targets[:, 1])
    assert task.spec.fingerprint not in (None, watched(labels=True).spec.fingerprint)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"labels": False, "header": "t,v"}, r"no column of labels among t, v; name it by task\.label, or give"),
        ({"label": "no"}, r"has no column no \(task\.label\), only stamp, value, is_anomaly"),
        ({"label": "value"}, r"line 3: the label value is '0\.3372', neither 0"),
        ({"label": "stamp"}, r"line 2: the label stamp is '2014-07-01 00:00:00', neither 0"),
        ({"wrong": (89, 146)}, r"no scored step of test is an anomaly \(they are rows 90 to 147 of 240\); set"),
        ({"wrong": ()}, r"no scored step of valid is an anomaly \(there are none\)"),
        ({"windows": {"other.csv": []}}, r"has 0 entries for waves\.csv among other\.csv"),
        ({"windows": {"waves.csv": []}}, r"no list of \[first time, last time\]"),
        ({"windows": [["2015-01-01", "2015-01-02"]]}, r"1 of 1 windows hold no row of .*, the first 2015-01-01 to"),
        ({"windows": [["soon", "later"]]}, r"its windows hold 'soon', no date"),
        ({"windows": [["01/02/2014", "03/04/2014"]]}, r"windows\.json: .* the day or the month first; write them as"),
        ({"windows": [[1, 2]], "header": "t,v,l", "predict": "v", "date": "v"}, r"earlier than the row before"),
    ],
)  # fmt: skip
def test_labels_in_doubt_are_refused_in_one_line(watched, options, says):
    with pytest.raises(DataError, match=says) as caught:
        watched(**options)
    assert "\n" not in str(caught.value)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scale=st.sampled_from([1e-6, -2.5, 1e9]))
def test_scores_of_a_file_are_the_same_in_any_unit(watched, scale):
    plain, other = watched(), watched(scale=scale)
    sign = math.copysign(1, scale)
    torch.testing.assert_close(sign * other._windows.inputs, plain._windows.inputs, atol=1e-5, rtol=0)
    assert other.spec.metric.baselines == pytest.approx(plain.spec.metric.baselines, abs=1e-6)
    assert other._threshold == pytest.approx(plain._threshold, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"steps": 999}, "task.steps=999"), ({"spacing": 39}, "task.spacing=39"), ({"context": 0}, "task.context=0"),
     ({"noise": 0.0}, "task.noise=0"), ({"alarm": -1.0}, "task.alarm=-1")],
)  # fmt: skip
def test_an_option_out_of_range_is_named(options, says):
    with pytest.raises(ValueError, match=says):
        Anomaly(**options)
