"""The baselines of a forecast, told a second time from the data card, one step after another: over gaps, over several
columns, beyond a season, and of changes.
"""

import math

import numpy as np
import pytest
import torch
from long_memory import scores_of
from tiny import seeded

from bench.tasks.anomaly import Anomaly
from bench.tasks.common.tables import windows
from bench.tasks.forecast import Forecast

COUNT, CONTEXT, TRAIN, VALID = 150, 3, 90, 120
GAPS = (20, 21, 40, 47, 48, 49, 62, 75, 130, 131)
WHOLE = np.ones(COUNT, bool)


def a_series(seed=0):
    """A random walk that is drawn back: its next value depends on more than the last one."""
    y, generator = [0.0, 0.0], np.random.default_rng(seed)
    while len(y) < COUNT:
        y.append(1.2 * y[-1] - 0.6 * y[-2] + generator.standard_normal())
    return np.array(y)


def with_gaps(y):
    """The series with a straight line over each gap, and where its values are real."""
    real = ~np.isin(np.arange(COUNT), GAPS)
    return np.interp(np.arange(COUNT), np.flatnonzero(real), y[real]), real


@pytest.fixture
def task_of(tmp_path):
    """A function that makes a task of one or two columns; a row that is not real is empty in the file."""

    def make(*columns, real=WHOLE, **options):
        names = list("ab"[: len(columns)])
        values = zip(*(column.tolist() for column in columns), strict=True)
        rows = [[*(map(repr, row) if there else [""] * len(row)), "0"] for row, there in zip(values, real, strict=True)]
        path = tmp_path / "series.csv"
        path.write_text("\n".join(map(",".join, [[*names, "other"], *rows])))
        return Forecast(str(path), columns=names, context=CONTEXT, length=4, splits=[0.6, 0.2, 0.2], **options)

    return make


def steps_of(split, real, horizon):
    """The steps of a split that read and foresee real values alone."""
    steps = range(CONTEXT, TRAIN - horizon) if split == "train" else range(VALID - 1, COUNT - horizon)
    return [t for t in steps if real[t : t + horizon + 1].all()]


def foreseen(y, t, horizon, difference=False):
    return y[t + 1 : t + 1 + horizon] - difference * y[t]


def train_mean(y, horizon, difference=False):
    """Of each of the next values."""
    return np.mean([foreseen(y, t, horizon, difference) for t in range(CONTEXT, TRAIN - horizon)], axis=0)


def nrmse(forecast, y, real=WHOLE, horizon=1, difference=False):
    """Of a function from a step to its forecast, on test."""
    at = steps_of("test", real, horizon)
    wanted = np.stack([foreseen(y, t, horizon, difference) for t in at])
    error = wanted - np.stack([forecast(t) for t in at])
    return math.sqrt(np.square(error).mean()) / (wanted - train_mean(y, horizon, difference)).std()


def linear(columns, y, real, horizon, steps, difference=False):
    """The least squares fit of the next values to those read up to a step of `steps`, as a function of the step."""
    read = [np.diff(column, prepend=column[0]) if difference else column for column in columns]
    known = {t: np.concatenate([[1.0], *(x[t - CONTEXT : t + 1] for x in read)]) for t in range(CONTEXT, COUNT)}
    wanted = np.stack([foreseen(y, t, horizon, difference) for t in steps])
    weight = np.linalg.lstsq(np.stack([known[t] for t in steps]), wanted, rcond=None)[0]
    return lambda t: known[t] @ weight


@pytest.mark.parametrize("horizon", [1, 2])
def test_over_gaps_the_linear_baseline_is_fitted_to_and_scored_on_real_values_alone(task_of, horizon):
    y, real = with_gaps(a_series())
    given = [y], y, real, horizon
    fitted, everywhere = steps_of("train", real, horizon), steps_of("train", WHOLE, horizon)
    assert len(steps_of("test", real, horizon)) < len(steps_of("test", WHOLE, horizon)), "no gap in test"
    found = task_of(y, real=real, horizon=horizon).spec.metric
    assert found.baselines["linear"] == pytest.approx(nrmse(linear(*given, fitted), y, real, horizon), rel=1e-4)
    assert found.baselines["linear"] != pytest.approx(nrmse(linear(*given, everywhere), y, real, horizon), rel=1e-3)
    assert found.baselines["naive"] == pytest.approx(nrmse(lambda t: [y[t]] * horizon, y, real, horizon), rel=1e-4)
    assert found.chance == pytest.approx(nrmse(lambda t: train_mean(y, horizon), y, real, horizon), rel=1e-4)


@pytest.mark.parametrize("difference", [False, True])
def test_the_linear_baseline_reads_every_column_and_its_context(task_of, difference):
    y, other = a_series(), a_series(1)
    y[1:] += other[:-1]
    options = {"horizon": 2, "difference": difference}
    fit = linear([y, other], y, WHOLE, 2, steps_of("train", WHOLE, 2), difference)
    found = task_of(y, other, **options).spec.metric.baselines["linear"]
    assert found == pytest.approx(nrmse(fit, y, **options), rel=1e-4)
    assert found < 0.9 * task_of(y, **options).spec.metric.baselines["linear"], "the other column tells nothing"


def test_a_long_train_split_is_fitted_by_its_last_steps(task_of, monkeypatch):
    y = a_series()
    monkeypatch.setattr(windows, "_MOST", 30)
    fit = linear([y], y, WHOLE, 1, steps_of("train", WHOLE, 1)[-30:])
    assert task_of(y).spec.metric.baselines["linear"] == pytest.approx(nrmse(fit, y), rel=1e-4)


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize(("period", "horizon"), [(4, 3), (4, 4), (4, 5), (4, 9), (1, 3)])
def test_beyond_a_period_the_last_season_that_is_known_is_repeated_again(task_of, period, horizon, difference):
    y = a_series()

    def repeated(t):
        values = []
        for ahead in range(1, horizon + 1):
            like = t + ahead
            while like > t:  # of the future nothing is known
                like -= period
            values.append(y[like] - difference * y[like - ahead])
        return np.array(values)

    options = {"horizon": horizon, "difference": difference}
    baselines = task_of(y, period=period, **options).spec.metric.baselines
    assert baselines["seasonal_naive"] == pytest.approx(nrmse(repeated, y, **options), rel=1e-4)
    unchanged = nrmse(lambda t: [0.0 if difference else y[t]] * horizon, y, **options)
    assert baselines["naive"] == pytest.approx(unchanged, rel=1e-4)


def test_an_anomaly_s_baselines_are_the_last_value_and_a_linear_fit():
    """In windows of one scored step, the lanes of a pass are all steps, each once, with all that they may read."""
    task = Anomaly(steps=1000, length=1)
    (train,), (test,) = (task.batches(split, 1000, seeded()) for split in ("train", "test"))
    assert train.inputs.shape == (21, 479, 1) and train.weight.sum() == 479 > len(test.fresh) > 100
    known, asked = (np.column_stack([b.inputs[..., 0].T, np.ones(len(b.fresh))]).astype(float) for b in (train, test))
    weight = np.linalg.lstsq(known, train.targets[-1, :, 0].double().numpy(), rcond=None)[0]
    answer = torch.from_numpy(asked @ weight).float().expand(21, -1)[..., None]
    forecasts = {"naive": test.inputs, "linear": answer}
    wanted = {name: scores_of(task, [test], lambda _, x=x: x)["average_precision"] for name, x in forecasts.items()}
    assert wanted["linear"] > wanted["naive"] + 0.1
    assert task.spec.metric.baselines == pytest.approx(wanted, abs=1e-3)
