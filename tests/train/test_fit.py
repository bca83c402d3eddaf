"""Training to the end of the budget: how long, how often scored on valid, and what is kept."""

import math

import pytest
import torch
from clock import Clock, Timed
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Given, a_batch, a_setup, fitted

from bench.config.schema import BudgetConfig
from bench.errors import DataError, Diverged
from bench.hardware.machine import Machine
from bench.train.fit import Fit
from bench.train.validation import snapshot


def within(evaluations=10, fit_class=Fit, **budget):
    """What a tiny run under `budget` comes to, on a clock of its own."""
    clock = Clock()
    setup = a_setup(Timed(clock), evaluations=evaluations, budget=BudgetConfig(**budget))
    fit = fit_class(setup, clock=clock)
    assert [validation.step for validation in fit] == [row["step"] for row in fit.progress.curve.rows]
    return fit.progress


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12))
def test_a_budget_in_steps_is_that_many_steps_with_evenly_spaced_validations(steps, evaluations):
    result = within(evaluations, steps=steps)
    at = [row["step"] for row in result.curve.rows]
    assert result.steps == at[-1] == steps
    assert len(at) == min(steps, evaluations)
    gaps = [b - a for a, b in zip([0, *at], at, strict=False)]
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("steps", [49, 98, 103])
def test_rounding_skips_no_validation(steps):
    """49 * (1 / 49) is less than 1 in floating point."""
    assert 49 * (1 / 49) < 1
    assert len(within(evaluations=49, steps=steps).curve.rows) == 49


@pytest.mark.parametrize(("examples", "steps"), [(1, 1), (2, 1), (7, 4), (8, 4)])
def test_a_budget_in_examples_counts_sequences(examples, steps):
    result = within(examples=examples)
    assert (result.steps, result.sequences, result.tokens) == (steps, 2 * steps, 12 * steps)


def test_a_budget_in_seconds_is_of_training_and_not_of_validation():
    result = within(evaluations=3, seconds=6)
    assert (result.steps, result.seconds) == (6, 6.0)
    assert [row["step"] for row in result.curve.rows] == [2, 4, 6]


@pytest.mark.parametrize(("budget", "waits"), [({"seconds": 3.5}, 3), ({"steps": 3}, 0)])
def test_where_time_decides_a_device_s_update_is_waited_for_in_the_step_that_it_is_of(monkeypatch, budget, waits):
    """Else it falls between two steps, which costs nothing of the budget."""
    clock = Clock()

    def synchronize(_):
        clock.now += 0.5

    monkeypatch.setattr(Machine, "queues", True)
    monkeypatch.setattr(Machine, "synchronize", synchronize)
    setup = a_setup(Timed(clock), evaluations=1, budget=BudgetConfig(**budget))
    fit = Fit(setup, clock=clock)
    next(fit)
    assert (fit.progress.steps, fit.progress.seconds) == (3, 3 + 0.5 * waits)


class WallClock(Fit):
    """The mutant: charges all that passes to the budget."""

    def _timed(self, steps):
        for step in super()._timed(steps):
            self.progress.seconds = self._clock()
            yield step


def test_charging_validation_to_the_budget_would_be_noticed():
    assert within(evaluations=3, fit_class=WallClock, seconds=6).steps < 6


def test_the_curve_holds_progress_losses_and_scores():
    result = within(evaluations=2, steps=4)
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

    result = fitted(a_setup(Scripted(train=[a_batch()], valid=[a_batch()]), evaluations=2))
    assert [row["train_loss"] for row in result.curve.rows] == [2.0, 15.0]


def test_a_batch_without_a_scored_position_does_not_count_in_the_mean_training_loss():
    unscored, losses = a_batch(scored=slice(0, 0)), []
    for train in ([a_batch(), unscored], [unscored]):
        task = Given(train=train, valid=[a_batch()])
        result = fitted(a_setup(task, evaluations=1, budget=BudgetConfig(steps=2)))
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
    task = Failing(train=[a_batch()], valid=[a_batch()])
    setup = a_setup(task, evaluations=4, budget=BudgetConfig(steps=8))
    fit = Fit(setup)
    with pytest.raises(Diverged, match="at step 4"):
        list(fit)
    result = fit.progress
    assert (result.steps, len(result.curve.rows)) == (3, 1)
    assert set(result.best_weights) == set(setup.model.state_dict())


def test_an_item_is_a_validation_and_a_caller_may_stop_at_any():
    setup = a_setup(Given(train=[a_batch()], valid=[a_batch(seed=1)]), evaluations=4, budget=BudgetConfig(steps=8))
    seen = []
    fit = Fit(setup, on_step=lambda progress, spent, loss: seen.append((progress.steps, spent, loss)))
    first, second = next(fit), next(fit)
    assert (first.step, second.step, fit.progress.steps, len(fit.progress.curve.rows)) == (2, 4, 4, 2)
    assert [(steps, spent) for steps, spent, _ in seen] == [(1, 1 / 8), (2, 2 / 8), (3, 3 / 8), (4, 4 / 8)]
    row = {name: value for name, value in second._asdict().items() if name not in ("scores", "score", "best")}
    assert fit.progress.curve.rows[1] == {**row, **{f"valid_{name}": score for name, score in second.scores.items()}}
    assert second.train_loss == pytest.approx((seen[2][2] + seen[3][2]) / 2)
    assert second.score == second.scores["accuracy"]
    assert second.best == (second.score > first.score)
    assert len(list(fit)) == 2, "what is left of it"


def test_nothing_is_printed_in_training(capsys):
    fitted(a_setup(Given(train=[a_batch()], valid=[a_batch()])))
    assert capsys.readouterr() == ("", "")


def test_a_score_on_valid_that_is_no_number_is_divergence_too():
    class Spoilt(Given):
        def scores(self, totals):
            return {"accuracy": math.nan}

    setup = a_setup(Spoilt(train=[a_batch()], valid=[a_batch()]), evaluations=2)
    with pytest.raises(Diverged, match="accuracy on valid became nan at step 2"):
        fitted(setup)


def test_an_empty_valid_split_is_an_error_that_says_why():
    setup = a_setup(Given(train=[a_batch()]))
    with pytest.raises(
        DataError, match="given-v1 has an empty valid split, which is needed to choose the best weights"
    ):
        fitted(setup)
