"""Training to the end of the budget: how long, how often scored on valid, and what is kept."""

import math

import pytest
import torch
from clock import Clock, Timed
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Given, Silent, a_batch, a_setup

from bench.config.schema import BudgetConfig
from bench.errors import DataError, Diverged
from bench.train import fit as fit_module
from bench.train.fit import fit, snapshot
from bench.train.progress import Fit


def fitted(monkeypatch, evaluations=10, **budget):
    """The `Fit` of a tiny run under `budget`, on a clock of its own."""
    clock, result = Clock(), Fit()
    monkeypatch.setattr(fit_module, "time", clock)
    setup = a_setup(Timed(clock), evaluations=evaluations, budget=BudgetConfig(**budget))
    fit(setup, result, Silent())
    return result


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12))
def test_a_budget_in_steps_is_that_many_steps_with_evenly_spaced_validations(steps, evaluations):
    with pytest.MonkeyPatch.context() as patch:
        result = fitted(patch, evaluations, steps=steps)
    at = [row["step"] for row in result.curve.rows]
    assert result.steps == at[-1] == steps
    assert len(at) == min(steps, evaluations)
    gaps = [b - a for a, b in zip([0, *at], at, strict=False)]
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("steps", [49, 98, 103])
def test_rounding_skips_no_validation(monkeypatch, steps):
    """49 * (1 / 49) is less than 1 in floating point."""
    assert 49 * (1 / 49) < 1
    assert len(fitted(monkeypatch, evaluations=49, steps=steps).curve.rows) == 49


@pytest.mark.parametrize(("examples", "steps"), [(1, 1), (2, 1), (7, 4), (8, 4)])
def test_a_budget_in_examples_counts_sequences(monkeypatch, examples, steps):
    result = fitted(monkeypatch, examples=examples)
    assert (result.steps, result.sequences, result.tokens) == (steps, 2 * steps, 12 * steps)


def test_a_budget_in_seconds_is_of_training_and_not_of_validation(monkeypatch):
    result = fitted(monkeypatch, evaluations=3, seconds=6)
    assert (result.steps, result.seconds) == (6, 6.0)
    assert [row["step"] for row in result.curve.rows] == [2, 4, 6]


def test_charging_validation_to_the_budget_would_be_noticed(monkeypatch):
    def wall_clock(steps, result):
        for step in steps:
            result.steps, result.tokens, result.seconds = step.number, step.tokens, fit_module.time.perf_counter()
            yield step

    monkeypatch.setattr(fit_module, "_timed", wall_clock)
    assert fitted(monkeypatch, evaluations=3, seconds=6).steps < 6


def test_the_curve_holds_progress_losses_and_scores(monkeypatch):
    result = fitted(monkeypatch, evaluations=2, steps=4)
    first, last = result.curve.rows
    assert (first["step"], first["sequences"], first["tokens"], first["seconds"]) == (2, 4, 24, 2.0)
    columns = "step sequences tokens seconds train_loss grad_norm clipped lr valid_accuracy valid_nll"
    assert list(first) == list(last) == columns.split()
    assert last["train_loss"] < first["train_loss"]


def test_the_training_loss_of_a_row_is_the_mean_since_the_row_before():
    losses = iter([1.0, 3.0, 10.0, 20.0])

    class Scripted(Given):
        def loss(self, logits, batch):
            return super().loss(logits, batch) * 0 + (next(losses) if torch.is_grad_enabled() else 0)

    result = Fit()
    fit(a_setup(Scripted(train=[a_batch()], valid=[a_batch()]), evaluations=2), result, Silent())
    assert [row["train_loss"] for row in result.curve.rows] == [2.0, 15.0]


def test_a_batch_without_a_scored_position_does_not_count_in_the_mean_training_loss():
    unscored, losses = a_batch(scored=slice(0, 0)), []
    for train in ([a_batch(), unscored], [unscored]):
        task, result = Given(train=train, valid=[a_batch()]), Fit()
        fit(a_setup(task, evaluations=1, budget=BudgetConfig(steps=2)), result, Silent())
        losses.append(result.curve.rows[0]["train_loss"])
    assert [math.isfinite(loss) for loss in losses] == [True, False]


def test_a_snapshot_does_not_follow_the_weights():
    model = torch.nn.Linear(2, 2)
    kept = snapshot(model)
    with torch.no_grad():
        model.weight += 1
    assert not torch.equal(kept["weight"], model.weight)
    assert not kept["weight"].requires_grad


class Failing(Given):
    """Its training loss is no number from the fourth step on."""

    def loss(self, logits, batch):
        self.reads["loss"] += torch.is_grad_enabled()
        return super().loss(logits, batch) * (math.nan if self.reads["loss"] > 3 else 1)


def test_what_was_reached_is_left_where_training_is_cut_short():
    task, result = Failing(train=[a_batch()], valid=[a_batch()]), Fit()
    setup = a_setup(task, evaluations=4, budget=BudgetConfig(steps=8))
    with pytest.raises(Diverged, match="at step 4"):
        fit(setup, result, Silent())
    assert (result.steps, len(result.curve.rows)) == (3, 1)
    assert set(result.best_weights) == set(setup.model.state_dict())


def test_a_score_on_valid_that_is_no_number_is_divergence_too():
    class Spoilt(Given):
        def scores(self, totals):
            return {"accuracy": math.nan}

    setup = a_setup(Spoilt(train=[a_batch()], valid=[a_batch()]), evaluations=2)
    with pytest.raises(Diverged, match="accuracy on valid became nan at step 2"):
        fit(setup, Fit(), Silent())


def test_an_empty_valid_split_is_an_error_that_says_why():
    setup = a_setup(Given(train=[a_batch()]))
    with pytest.raises(DataError, match="given-v1 has an empty valid split; best weights are chosen on it"):
        fit(setup, Fit(), Silent())
