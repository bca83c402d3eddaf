"""Every schedule follows its closed form over the budget, step by step, whatever the budget's unit and the warm-up."""

import math
from functools import partial

import pytest
import torch
from clock import Clock, Timed
from hypothesis import given
from hypothesis import strategies as st
from tiny import Given, a_batch, a_setup, few, fitted

from bench.config.schema import BudgetConfig
from bench.train import schedule as schedules
from bench.train.schedule import Schedule

RATE = 0.05


def onecycle(t, n, rise=0.3, div_factor=25.0, final_div_factor=1e4):
    first, top, last = 1 / div_factor, rise * n - 1, 1 / div_factor / final_div_factor
    start, end, share = (first, 1, t / top) if t <= top else (1, last, (t - top) / (n - 1 - top))
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def cyclical(t, n, cycles=4, low=0.1, mode="triangular"):
    cycle, within = divmod(t * cycles / n + 1e-12, 1)
    height = 0.5**cycle if mode == "triangular2" else 1
    return low + (1 - low) * height * (1 - abs(2 * within - 1))


CLOSED_FORMS = {
    "Constant": [({}, lambda t, n: 1.0)],
    "Step": [
        ({}, lambda t, n: 0.1 ** (t // math.ceil(n / 3))),
        ({"drops": 1, "factor": 0.5}, lambda t, n: 0.5 ** (t // math.ceil(n / 2))),
    ],
    "Exponential": [({}, lambda t, n: 0.01 ** (t / n)), ({"final": 0.5}, lambda t, n: 0.5 ** (t / n))],
    "Cosine": [
        ({}, lambda t, n: (1 + math.cos(math.pi * t / n)) / 2),
        ({"final": 0.2}, lambda t, n: 0.2 + 0.8 * (1 + math.cos(math.pi * t / n)) / 2),
    ],
    "Cyclical": [
        ({}, cyclical),
        ({"mode": "triangular2", "cycles": 3}, partial(cyclical, mode="triangular2", cycles=3)),
        ({"low": 0.5, "cycles": 1}, partial(cyclical, low=0.5, cycles=1)),
    ],
    "OneCycle": [({}, onecycle), ({"rise": 0.5, "div_factor": 10.0}, partial(onecycle, rise=0.5, div_factor=10.0))],
}
CASES = [(name, options, form) for name, forms in CLOSED_FORMS.items() for options, form in forms]


def expected(form, steps, warmup):
    """The rates of `steps` steps: up to the form's first one, one tick less than there, and then the form."""
    rising = min(round(warmup * steps), steps - 1)
    first = form(0, steps - rising)
    rates = [first * (t + 1) / (rising + 1) for t in range(rising)]
    return [RATE * r for r in rates + [form(t, steps - rising) for t in range(steps - rising)]]


def used(name, options, warmup=0.0, **budget):
    """The rates with which each step of a fit was made."""
    task = Given(train=[a_batch()], valid=[a_batch()])
    options = {"_target_": f"bench.train.schedule.{name}", "warmup": warmup, **options}
    optimizer = {"_target_": "torch.optim.SGD", "lr": RATE}
    setup = a_setup(task, schedule=options, optimizer=optimizer, evaluations=1, budget=BudgetConfig(**budget))
    rates = []
    setup.optimizer.register_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
    fitted(setup)
    return rates


def check_schedule(name, options, form, steps, warmup=0.0):
    assert used(name, options, warmup, steps=steps) == pytest.approx(expected(form, steps, warmup), rel=1e-6, abs=1e-12)


@few
@given(st.sampled_from(CASES), st.integers(8, 40), st.sampled_from([0.0, 0.1, 0.5]))
def test_the_rate_of_each_step_is_the_closed_form(case, steps, warmup):
    check_schedule(*case, steps, warmup)


@pytest.mark.parametrize(("name", "options", "form"), CASES)
def test_so_it_is_for_every_schedule_with_a_warm_up(name, options, form):
    check_schedule(name, options, form, steps=20, warmup=0.25)


@pytest.mark.parametrize(("name", "options", "form"), CASES)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_budget_of_a_few_steps_has_a_schedule_too(name, options, form, steps):
    rates = used(name, options, 0.5, steps=steps)
    assert len(rates) == steps
    assert all(0 < rate <= RATE * (1 + 1e-9) for rate in rates)


def never(self, spent):
    """The mutant: a schedule that is set up and not stepped."""


def late(self, spent, set_rate=Schedule.set_rate):
    """The mutant: one step behind."""
    set_rate(self, spent - 1 / self._ticks)


def past_warmup(self, spent, set_rate=Schedule.set_rate):
    """The mutant: the warm-up is left out."""
    set_rate(self, max(spent, self._warmup_ticks / self._ticks))


@pytest.mark.parametrize("mutant", [never, late, past_warmup])
def test_a_rate_that_does_not_follow_is_noticed(monkeypatch, mutant):
    monkeypatch.setattr(Schedule, "set_rate", mutant)
    with pytest.raises(AssertionError):
        check_schedule("Cosine", *CLOSED_FORMS["Cosine"][0], steps=20, warmup=0.25)


@pytest.mark.parametrize(("name", "options", "form"), CASES)
def test_a_budget_in_examples_is_as_many_steps(name, options, form):
    assert used(name, options, examples=48) == used(name, options, steps=24)


def test_a_budget_in_seconds_goes_by_the_share_spent():
    clock = Clock()
    options = {"_target_": "bench.train.schedule.Cosine"}
    setup = a_setup(Timed(clock), schedule=options, evaluations=5, budget=BudgetConfig(seconds=10))
    result = fitted(setup, clock=clock)
    rates = [row["lr"] for row in result.curve.rows]  # of every second step, that takes a second
    assert rates == pytest.approx([RATE * (1 + math.cos(math.pi * share)) / 2 for share in (0.1, 0.3, 0.5, 0.7, 0.9)])


def check_plateau(direction_scores, rates, factor, patience, threshold=0.0):
    """The rates after each validation, from the scores on valid alone; a gain counts above the threshold."""
    best, bad, rate = None, 0, RATE
    for score, found in zip(direction_scores, rates, strict=True):
        assert found == pytest.approx(rate), "the rate does not follow the scores on valid"
        best, bad = (score, 0) if best is None or score > best + threshold else (best, bad + 1)
        if bad > patience:
            rate, bad = rate * factor, 0


class Scripted(Given):
    """Its accuracy on valid goes by a script, whatever the model does."""

    def __init__(self, accuracies):
        super().__init__(train=[a_batch()], valid=[a_batch()], test=[a_batch()])
        self.script = iter(accuracies)

    def scores(self, totals):
        return {"accuracy": next(self.script)}


def plateau_run(accuracies, patience, warmup=0.0, threshold=0.0):
    options = {"_target_": "bench.train.schedule.Plateau", "factor": 0.5, "patience": patience, "warmup": warmup}
    options["threshold"] = threshold
    n = len(accuracies)
    setup = a_setup(Scripted(accuracies), schedule=options, evaluations=n, budget=BudgetConfig(steps=2 * n))
    result = fitted(setup)
    assert setup.task.reads["test"] == 0, "the test split is read"
    return [row["lr"] for row in result.curve.rows]


@few
@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=2, max_size=9), st.integers(0, 2))
def test_a_plateau_goes_by_the_scores_on_valid_alone(accuracies, patience):
    check_plateau(accuracies, plateau_run(accuracies, patience), 0.5, patience)


@few
@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=2, max_size=9), st.integers(0, 2))
def test_a_gain_of_a_plateau_is_in_the_metric_s_unit(accuracies, patience):
    """A gain of 0.1 from 0.1 to 0.2 is as much as one from 0.3 to 0.4, and less than the threshold."""
    check_plateau(accuracies, plateau_run(accuracies, patience, threshold=0.15), 0.5, patience, 0.15)


def test_a_plateau_that_takes_better_for_worse_is_noticed(monkeypatch):
    validated = Schedule.validated
    monkeypatch.setattr(Schedule, "validated", lambda self, cost: validated(self, -cost))
    with pytest.raises(AssertionError, match="does not follow"):
        check_plateau([0.1, 0.2, 0.3, 0.4], plateau_run([0.1, 0.2, 0.3, 0.4], 0), 0.5, 0)


def test_a_plateau_waits_until_it_is_warm():
    rates = plateau_run([0.4, 0.3, 0.2, 0.1, 0.1], 0, warmup=0.5)
    assert rates[:3] == pytest.approx([RATE * t / 6 for t in (2, 4, 6)])
    assert rates[3:] == pytest.approx([RATE, RATE / 2])


@pytest.mark.parametrize("name", [*CLOSED_FORMS, "Plateau"])
@pytest.mark.parametrize("at", [3, 10])
def test_a_schedule_goes_on_from_its_state(name, at):
    def begun():
        optimizer = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), lr=RATE)
        schedule = Schedule(getattr(schedules, name), optimizer, 20, warmup=0.25)
        optimizer.step()
        return schedule, optimizer

    def go(schedule, start, end):
        rates = []
        for step in range(start, end):
            schedule.set_rate(step / 20)
            schedule.validated(1.0)
            rates.append(schedule.rate)
        return rates

    (one, first), (other, second) = begun(), begun()
    go(one, 0, at)
    other.load_state_dict(one.state_dict())
    second.load_state_dict(first.state_dict())
    assert go(other, at, 20) == go(one, at, 20)


@pytest.mark.parametrize(("ticks", "rise"), [(2, 0.5), (10, 0.1)])
def test_a_cycle_without_a_way_up_is_refused(ticks, rise):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    with pytest.raises(ValueError, match=f"rise={rise} of {ticks} steps is a single step"):
        schedules.OneCycle(optimizer, ticks, rise=rise)
