"""Early stopping goes by the scores on valid alone, stops at the right validation and keeps the best weights."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import Given, a_batch, a_setup, few, fitted

from bench.config.schema import BudgetConfig
from bench.train import validation
from bench.train.progress import Progress
from bench.train.validation import snapshot


class Scripted(Given):
    """Its accuracy on valid goes by a script, whatever the model does."""

    def __init__(self, accuracies):
        super().__init__(train=[a_batch(seed=seed) for seed in range(3)], valid=[a_batch()], test=[a_batch()])
        self.script = iter(accuracies)

    def scores(self, totals):
        return {"accuracy": next(self.script)}


def stopped(accuracies, patience):
    """The progress of a run whose valid accuracies are given, its weights after each validation, and its set-up."""
    n, history = len(accuracies), []
    setup = a_setup(Scripted(accuracies), patience=patience, evaluations=n, budget=BudgetConfig(steps=n))
    setup.optimizer.register_step_post_hook(lambda *_: history.append(snapshot(setup.model)))
    return fitted(setup), history, setup


def check_stopping(accuracies, patience):
    result, history, setup = stopped(accuracies, patience)
    best = [accuracies.index(max(accuracies[: i + 1])) for i in range(len(accuracies))]
    ends = (i for i in range(len(accuracies)) if i - best[i] >= patience)
    last = next(ends, len(accuracies) - 1)
    assert len(result.curve.rows) == result.steps == last + 1, "it did not stop where patience was spent"
    assert result.best_score == accuracies[best[last]]
    kept, left = history[best[last]], setup.model.state_dict()
    assert all(torch.equal(left[name], kept[name]) for name in kept), "the weights left are not the best ones"
    assert setup.task.reads["test"] == 0, "the test split is read"


SCORES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=9)


@few
@given(SCORES, st.integers(1, 4))
def test_it_stops_after_so_many_validations_without_a_better_one_and_keeps_the_best(accuracies, patience):
    check_stopping(accuracies, patience)


def test_without_patience_the_budget_is_used_up():
    assert stopped([0.4, 0.3, 0.3, 0.2, 0.1], None)[0].steps == 5


def test_an_equal_score_taken_for_a_better_one_is_noticed(monkeypatch):
    monkeypatch.setattr("bench.api.Metric.better", lambda self, score, than: score >= than)
    with pytest.raises(AssertionError, match="did not stop"):
        check_stopping([0.3, 0.3, 0.3, 0.3], 2)


def test_leaving_the_last_weights_is_noticed(monkeypatch):
    monkeypatch.setattr(validation, "snapshot", lambda model: model.state_dict())
    with pytest.raises(AssertionError, match="not the best ones"):
        check_stopping([0.4, 0.3, 0.2], 2)


def test_progress_becomes_what_its_state_was_taken_of():
    result, _, _ = stopped([0.1, 0.4, 0.3, 0.2], 9)
    result.train_loss.add(1.5)
    state, other = result.state_dict(), Progress()
    other.load_state_dict(state)
    weights = other.best_weights
    assert all(torch.equal(weights[name], result.best_weights[name]) for name in result.best_weights)
    result.best_weights = other.best_weights
    assert other == result
    assert (other.stale, other.validations, other.updates, other.train_loss.take()) == (2, 4, 4, 1.5)
    other.curve.rows.clear()
    assert state["curve"]["rows"], "the state is no copy"


def test_the_share_of_clipped_updates_is_that_of_all():
    assert Progress().clipped_share is None
    assert Progress(updates=8, clipped=2).clipped_share == 0.25


def test_the_curve_has_the_share_of_clipped_updates_since_the_row_before():
    batches = [a_batch(seed=seed) for seed in range(4)]
    norms = []
    for limit in (math.inf, None):
        task = Given(train=batches, valid=[a_batch()])
        clip = 1e9 if limit else sorted(norms)[2]
        setup = a_setup(
            task, clip=clip, optimizer={"_target_": "torch.optim.SGD", "lr": 0.0}, evaluations=4 if limit else 2
        )
        result = fitted(setup)
        norms = norms or [row["grad_norm"] for row in result.curve.rows]
    over = [norm > clip for norm in norms]
    assert sum(over) == 1
    assert [row["clipped"] for row in result.curve.rows] == [sum(over[:2]) / 2, sum(over[2:]) / 2]
    assert result.clipped_share == 0.25
