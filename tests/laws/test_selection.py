"""The weights that are best on valid are scored, on a test split that is read once, when all choices are made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import Turning, a_config, a_setup, few, fitted

from bench.api import Metric
from bench.config.options import Options
from bench.config.schema import BudgetConfig
from bench.job import execute as runner
from bench.job.listener import Listener
from bench.train import validation
from bench.train.evaluate import evaluate


def a_turning_run():
    """A run whose validation gets worse in its second half, and its progress."""
    setup = a_setup(Turning(), precision="float32", budget=BudgetConfig(steps=60), batch_size=8)
    return setup, fitted(setup)


def check_best_is_scored(setup, result):
    curve = [row["valid_accuracy"] for row in result.curve.rows]
    assert curve[-1] < max(curve), "the task is to get worse in the end"
    for split in ("valid", "test"):
        assert evaluate(setup.model, setup.task, split, setup.machine)["accuracy"] == max(curve), "not the best weights"
    assert result.best_score == max(curve)


def test_the_best_weights_on_valid_are_left_in_the_model():
    check_best_is_scored(*a_turning_run())


def test_keeping_the_last_weights_is_noticed(monkeypatch):
    monkeypatch.setattr(validation, "snapshot", lambda model: model.state_dict())  # not copied: training goes on in it
    with pytest.raises(AssertionError, match="not the best weights"):
        check_best_is_scored(*a_turning_run())


@few
@given(st.lists(st.floats(-9, 9), min_size=1, max_size=6), st.sampled_from(["max", "min"]))
def test_the_best_is_by_the_metrics_direction_and_the_first_of_equals(scores, direction):
    metric = Metric("m", "unit", direction, chance=0.0)
    best = max(scores) if direction == "max" else min(scores)
    kept = 0
    for i, score in enumerate(scores):
        kept = i if metric.better(score, scores[kept]) else kept
    assert kept == scores.index(best)
    assert not metric.better(float("nan"), best)


def run(tmp_path, monkeypatch, task):
    """The record of a run of `task`, and the splits in the order in which they were read from the first step on.

    Before it the task's first batches are checked, of each split; nothing is chosen by them.
    """
    monkeypatch.setattr("bench.job.prepared.build_task", lambda *_: task)
    config = a_config(precision="float32", budget=BudgetConfig(steps=60), batch_size=8, results_dir=str(tmp_path))
    listener = Listener()
    listener.started = task.order.clear
    return runner.execute(Options(config, {"task": "turning", "cell": "gru"}, {}), listener), list(task.order)


class Watched(Turning):
    """Keeps the order in which its splits are read."""

    def __init__(self):
        super().__init__()
        self.order = []

    def batches(self, split, batch_size, generator):
        self.order.append(split)
        return super().batches(split, batch_size, generator)


def check_test_is_read_once_and_last(order):
    assert order.count("test") == 1, "test is not read exactly once"
    assert "valid" not in order[order.index("test") :], "something is chosen after test was read"


def test_the_test_split_is_read_once_when_all_is_chosen(tmp_path, monkeypatch):
    record, order = run(tmp_path, monkeypatch, Watched())
    check_test_is_read_once_and_last(order)
    assert record.status == "done"
    assert record.metric["test"] == record.metric["valid"] == 1.0


def test_fit_never_reads_the_test_split():
    setup, _ = a_turning_run()
    assert setup.task.reads["test"] == 0
    assert setup.task.reads["valid"] == 10


def test_choosing_on_the_test_split_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        validation, "evaluate", lambda model, task, split, machine: evaluate(model, task, "test", machine)
    )
    _, order = run(tmp_path, monkeypatch, Watched())
    with pytest.raises(AssertionError, match="not read exactly once"):
        check_test_is_read_once_and_last(order)


def test_a_run_without_a_test_split_has_no_test_score(tmp_path, monkeypatch):
    task = Watched()
    task.splits["test"] = []
    record, _ = run(tmp_path, monkeypatch, task)
    assert (record.status, record.metric["test"], record.metric["valid"]) == ("done", None, 1.0)
