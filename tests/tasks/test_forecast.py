"""Every step is foreseen once, from the past alone; scores are in the units they say, and so are baselines."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import seeded

from bench.api import DataError
from bench.tasks.common.tables import windows
from bench.tasks.forecast import Forecast

SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def task_of(tmp_path_factory):
    """A function that makes a task of the values of a column y; None is a gap."""
    path = tmp_path_factory.mktemp("series") / "series.csv"

    def make(values, **options):
        path.write_text("y,\n" + "".join(f"{'' if v is None else v},0\n" for v in values))
        return Forecast(str(path), **({"columns": ["y"], "context": 3, "length": 4} | options))

    return make


def foreseen(task, split, batch_size=8, seed=0):
    """For each scored step of a split, in the batches' order: what was read last, and the values foreseen."""
    found = []
    for batch in task.batches(split, batch_size, seeded(seed)):
        scored = batch.weight > 0
        found += list(zip(batch.inputs[scored][:, 0].tolist(), batch.targets[scored].tolist(), strict=True))
    return found


def wavy(count):
    return [round(math.sin(i / 3) + i % 5 / 10, 6) for i in range(count)]


def scores_of(task, split, forecast):
    """The scores of a function from a batch to what it foresees."""
    totals = dict.fromkeys(("squared_error", "squared_error_last", "sum", "square_sum", "values", "steps"), 0.0)
    for batch in task.batches(split, 16, seeded()):
        for name, value in task.tally(forecast(batch), batch).items():
            totals[name] += value.item()
    return task.scores(totals)


@given(
    count=st.integers(60, 150),
    horizon=st.integers(1, 4),
    context=st.integers(0, 6),
    length=st.integers(1, 9),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 5),
)
def test_valid_and_test_foresee_each_of_their_values_once_and_no_other(
    task_of, count, horizon, context, length, batch_size, seed
):
    """The series is 0, 1, 2, ..., so that a value is its own place."""
    task = task_of(range(count), horizon=horizon, context=context, length=length)
    first, second = int(count * 0.7), int(count * (0.7 + 0.15))
    for split, (start, stop) in {"valid": (first, second), "test": (second, count)}.items():
        pairs = foreseen(task, split, batch_size, seed)
        scale = task._scale
        places = [round((targets[0] - pairs[0][1][0]) * scale) for _, targets in pairs]
        assert sorted(places) == list(range(stop - start - horizon + 1))
        for _, targets in pairs:  # each of the next ones is as far from its own mean as the first
            assert np.diff(np.array(targets) * scale) == pytest.approx(0, abs=0.02)
    assert task.spec.outputs == horizon


def test_a_step_foresees_what_the_next_ones_read(task_of):
    values = np.array(wavy(100))
    task = task_of(values, horizon=2)
    train = values[: task._windows.steps["train"].stop]
    for split in SPLITS:
        batches = list(task.batches(split, 8, seeded()))
        assert batches
        for batch in batches:
            read = batch.inputs[..., 0] * train.std() + train.mean()
            for ahead in (1, 2):
                foreseen = (
                    batch.targets[:-ahead, :, ahead - 1] * task._scale + values[3 + ahead : len(train) + ahead].mean()
                )
                torch.testing.assert_close(foreseen, read[ahead:], atol=1e-4, rtol=0)


def test_train_never_touches_what_valid_foresees(task_of):
    values = [*np.sin(np.arange(70)), *[1e6] * 30]
    task = task_of(values)
    assert max(batch.targets.max() for batch in task.batches("valid", 8, seeded())) > 5, "valid foresees the jump"
    for batch in task.batches("train", 8, seeded()):
        assert batch.inputs.abs().max() < 5 and batch.targets.abs().max() < 5


def test_with_difference_changes_are_read_and_foreseen(task_of):
    values = [i * i / 10 for i in range(100)]
    task = task_of(values, horizon=2, difference=True)
    for batch in task.batches("train", 8, seeded()):
        step = batch.targets[..., 1] - batch.targets[..., 0]
        assert step.std() > 0 and torch.isfinite(batch.inputs).all()
    perfect = scores_of(task, "test", lambda batch: batch.targets)
    assert perfect["nrmse"] == perfect["rmse"] == 0
    naive = task.spec.metric.baselines["naive"]
    change = np.array([[values[t + 1] - values[t], values[t + 2] - values[t]] for t in range(98)])
    test = change[84:]
    spread = (test - change[3:68].mean(0)).std()
    assert naive == pytest.approx(math.sqrt(np.square(test).mean()) / spread, rel=1e-4)


def test_baselines_are_the_last_value_the_last_season_and_a_linear_fit(task_of):
    generator = np.random.default_rng(0)
    season = [0.0, 3.0, 1.0, -2.0]
    values = [season[i % 4] + 0.1 * generator.standard_normal() for i in range(400)]
    task = task_of(values, period=4, context=8)
    test = np.array(values[340:])
    baselines = task.spec.metric.baselines
    assert baselines["naive"] == pytest.approx(
        math.sqrt(np.square(np.diff(values[339:])).mean()) / test.std(), rel=1e-3
    )
    again = np.array(values[336:-4])
    assert baselines["seasonal_naive"] == pytest.approx(
        math.sqrt(np.square(test - again).mean()) / test.std(), rel=1e-3
    )
    assert baselines["linear"] < baselines["seasonal_naive"] < 0.2 < 1 < baselines["naive"]
    assert task.spec.metric.chance == pytest.approx(1, abs=0.02)


def test_rmse_is_in_the_datas_own_unit(task_of):
    task = task_of([100 * v for v in wavy(100)], horizon=3)
    off = scores_of(task, "test", lambda batch: batch.targets + torch.tensor([0.0, 0.0, 2.0]) / task._scale)
    assert off["rmse_last"] == pytest.approx(2, rel=1e-3)
    assert off["rmse"] == pytest.approx(2 / math.sqrt(3), rel=1e-3)


def test_a_filled_in_value_is_neither_foreseen_nor_the_last_one_read(task_of):
    """A straight line across a gap gives away what comes after it."""
    values = wavy(200)
    whole = task_of(values, horizon=2)
    gappy = task_of([None if i in (50, 150) else v for i, v in enumerate(values)], horizon=2)
    assert len(foreseen(whole, "valid")) - len(foreseen(gappy, "valid")) == 3
    for task in (whole, gappy):
        assert ("filled in" in task.spec.source) == (task is gappy)
    weights = gappy._windows.weight
    assert [i for i in range(198) if not weights[i]] == [48, 49, 50, 148, 149, 150]


def test_several_columns_are_read_and_one_is_foreseen(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("a,b\n" + "".join(f"{math.sin(i)},{math.cos(i)}\n" for i in range(100)))
    task = Forecast(str(path), predict="b", context=3, length=4)
    assert task.spec.inputs.size == 2 and "b of 100 rows" in task.spec.source
    (batch, *_) = task.batches("test", 8, seeded())
    assert torch.allclose(batch.inputs[1:, :, 1], batch.targets[:-1, :, 0], atol=0.1)
    assert task.spec.notes == ("forecasts b from a, b",)


def test_narma_shows_its_input_alone_and_asks_for_the_answer():
    task = Forecast("narma10", steps=2000)
    assert set(task.spec.metric.baselines) == {"linear"} and 0.2 < task.spec.metric.baselines["linear"] < 0.6
    (batch, *_) = task.batches("train", 1000, seeded())
    u, answer = batch.inputs[..., 0], batch.targets[..., 0]
    together = {
        lag: torch.corrcoef(torch.stack([(u[lag:] * u[:-lag]).flatten(), answer[lag:].flatten()]))[0, 1]
        for lag in (8, 9, 10)
    }
    assert together[9] > 0.15 > max(abs(together[8]), abs(together[10]))  # u(t) u(t - 9) drives y(t + 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"horizon": 0}, "task.horizon=0"),
        ({"context": -1}, "task.context=-1"),
        ({"length": 0}, "task.length=0"),
        ({"period": 0}, "task.period=0"),
        ({"period": 5000}, "task.period=5000 reaches back"),
        ({"steps": 99}, "task.steps=99"),
        ({"tau": 0.9}, "task.tau=0.9 must be from 1 to 1000"),
        ({"tau": 1001}, "task.tau=1001 must be from 1 to 1000"),
        ({"stride": 0}, "task.stride=0"),
        ({"splits": [0.5, 0.5]}, r"task.splits=\[0.5, 0.5\]: give three"),
        ({"splits": [0.5, 0.5, 0.5]}, "the fractions must sum to 1, these sum to 1.5"),
        ({"source": "narma10", "horizon": 2}, "task.horizon=2: narma10"),
    ],
)
def test_an_option_out_of_range_is_named_in_one_line(options, says):
    with pytest.raises(ValueError, match=says) as caught:
        Forecast(**options)
    assert "\n" not in str(caught.value)


def test_a_file_does_not_say_its_licence_and_what_is_generated_needs_none(task_of):
    assert task_of(wavy(100)).spec.licence == "not stated (local file)"
    assert Forecast().spec.licence == "none needed"


def test_options_may_be_at_their_bounds():
    for options in ({"steps": 100}, {"tau": 5}, {"tau": 1000, "stride": 1}, {"context": 0, "length": 1, "horizon": 1}):
        assert Forecast(**options).spec.id


@pytest.mark.parametrize(
    ("options", "says"),
    [({"length": 70}, "train split has 66 steps to score, it needs 70"), ({"horizon": 20}, "valid")],
)
def test_a_split_too_short_is_named_with_what_it_needs(task_of, options, says):
    with pytest.raises(DataError, match=says):
        task_of(wavy(100), **options)


@pytest.mark.parametrize(("options", "split"), [({"length": 66}, "train"), ({"horizon": 15}, "valid")])
def test_a_split_that_is_just_long_enough_will_do(task_of, options, split):
    assert list(task_of(wavy(100), **options).batches(split, 4, seeded()))
    ((name, value),) = options.items()
    with pytest.raises(DataError, match=f"the {split} split has"):
        task_of(wavy(100), **{name: value + 1})


def test_a_constant_series_and_a_wrong_checksum_are_refused(task_of):
    for value in (1, 0.1, 1e8 + 0.1):  # the mean of some is not the value itself
        with pytest.raises(DataError, match="y of 100 rows: it is constant in train; there is nothing to forecast"):
            task_of([value] * 100)
    with pytest.raises(DataError, match="its changes are constant in train"):
        task_of([1e8 + n / 10 for n in range(100)], difference=True)
    with pytest.raises(DataError, match="tau 1, .* constant in train"):
        Forecast(tau=1)
    with pytest.raises(DataError, match=r"SHA-256 is [0-9a-f]{64}, task\.checksum says abc"):
        task_of(wavy(100), checksum="abc")


def test_a_split_whose_values_are_constant_is_told(task_of):
    for split, stuck in (("valid", range(65, 90)), ("test", range(80, 100))):
        notes = task_of([0.3 if i in stuck else v for i, v in enumerate(wavy(100))]).spec.notes
        assert notes[-1] == f"what is to be forecast in {split} is constant: nrmse is infinite there"


def test_a_column_that_is_constant_in_train_is_no_input_and_told(tmp_path):
    path = tmp_path / "stuck.csv"
    rows = [f"{v},{0.1 if i < 75 else v}" for i, v in enumerate(wavy(100))]
    path.write_text("\n".join(["y,stuck", *rows]))
    task = Forecast(str(path), predict="y", context=3, length=4)
    alone = Forecast(str(path), columns=["y"], context=3, length=4)
    assert task.spec.inputs.size == 1 and task.spec.metric == alone.spec.metric
    assert task.spec.notes[1] == "constant in train and left out of the inputs: stuck"


@settings(max_examples=20)
@given(
    power=st.floats(-9, 12),
    sign=st.sampled_from([-1, 1]),
    offset=st.floats(-1e8, 1e8),
    difference=st.booleans(),
)
def test_scores_are_the_same_in_any_unit(task_of, power, sign, offset, difference):
    """The offset in the series' own deviations, up to which float64 keeps eight digits of it."""
    values = np.array(wavy(100))
    options = {"horizon": 2, "period": 5, "difference": difference}
    plain = task_of(values.tolist(), **options)
    other = task_of([sign * 10**power * (v + offset) for v in values.tolist()], **options)
    torch.testing.assert_close(sign * other._windows.inputs, plain._windows.inputs, atol=1e-5, rtol=0)
    torch.testing.assert_close(sign * other._windows.targets, plain._windows.targets, atol=1e-5, rtol=0)
    for one, two in zip(other.spec.metric.baselines.values(), plain.spec.metric.baselines.values(), strict=True):
        assert one == pytest.approx(two, abs=1e-5)
    assert other.spec.metric.chance == pytest.approx(plain.spec.metric.chance, abs=1e-5)


def test_a_linear_baseline_of_more_than_can_be_fitted_reads_the_targets_past_first(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    columns = generator.standard_normal((200, 4)).round(3)
    path = tmp_path / "wide.csv"
    path.write_text("a,b,c,d\n" + "\n".join(",".join(map(str, row)) for row in columns))
    whole = Forecast(str(path), predict="b", context=5, length=4)
    assert len(whole.spec.notes) == 1
    for widest, says, read in (
        (16, "the baseline linear reads the last 6 steps of b and 3 of the other columns: at most 16 numbers", [6, 3]),
        (4, "the baseline linear reads the last 4 steps of b: at most 4 numbers", [4, 0]),
    ):
        monkeypatch.setattr(windows, "_WIDEST", widest)
        task = Forecast(str(path), predict="b", context=5, length=4)
        assert task.spec.notes[1].startswith(says)
        known = np.array([_past(task, t, *read) for t in task._windows.steps["train"]])
        wanted = task._windows.targets[task._windows.steps["train"]].numpy()
        weight = np.linalg.lstsq(known, wanted, rcond=None)[0]
        forecast = np.array([_past(task, t, *read) for t in task._windows.steps["test"]]) @ weight
        assert task.spec.metric.baselines["linear"] == pytest.approx(task._nrmse(forecast, "test"), rel=1e-4)


def _past(task, step, own, others):
    """The last values of b and of the other columns, and 1."""
    x_NF = task._windows.inputs.numpy()
    parts = [x_NF[step - own + 1 : step + 1, 1], *(x_NF[step - others + 1 : step + 1, f] for f in (0, 2, 3))]
    return np.concatenate([*(part if others else part[:0] for part in parts[1:]), parts[0], [1.0]])


@pytest.mark.skipif("BENCH_DATA" not in os.environ, reason="BENCH_DATA names no folder with timeseries/")
def test_sunspots_and_co2_are_read_as_the_presets_do():
    folder = Path(os.environ["BENCH_DATA"]) / "timeseries"
    sunspots = Forecast(str(folder / "sunspots_yearly.csv"), columns=["SUNACTIVITY"], date="YEAR", period=11)
    assert "of 309 rows" in sunspots.spec.source
    co2 = Forecast(str(folder / "co2_weekly.csv"), date="date", period=52, difference=True)
    assert "of 2284 rows, 59 rows with gaps filled in" in co2.spec.source
