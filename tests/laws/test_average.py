"""The average of weights: its closed form, where it is used, and that training does not feel it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU64, Given, a_batch, a_config, a_model, a_setup, few
from tiny import fitted as fit

from bench.config.schema import BudgetConfig
from bench.train.average import Average
from bench.train.evaluate import evaluate
from bench.train.loop import train
from bench.train.validation import snapshot


def check_closed_form(average_class, decay, window):
    """The average after n updates is `d^(n-1) w_1 + (1 - d) (d^(n-2) w_2 + ... + w_n)`."""
    model, batches = a_model(), [a_batch(seed=seed) for seed in range(3)]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    average = average_class(model, optimizer, decay)
    history = []
    optimizer.register_step_post_hook(lambda *_: history.append([p.detach().clone() for p in model.parameters()]))
    list(train(model, Given(train=batches), optimizer, batches, a_config(window=window), CPU64))
    shares = [(1 - decay) * decay**age for age in reversed(range(len(history)))]
    shares[0] = decay ** (len(history) - 1)
    assert sum(shares) == pytest.approx(1)
    for found, *weights in zip(average.tensors, *history, strict=True):
        expected = sum(share * weight for share, weight in zip(shares, weights, strict=True))
        assert torch.allclose(found, expected, rtol=0, atol=1e-12), "not the average over all updates"


@few
@given(st.floats(0.01, 0.999), st.sampled_from([None, 1, 2]))
def test_the_average_is_exponential_over_all_updates(decay, window):
    check_closed_form(Average, decay, window)


class EveryOther(Average):
    """The mutant: misses updates, as one that is called once a batch does."""

    def update(self):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls % 2:
            super().update()


def test_missed_updates_are_noticed():
    with pytest.raises(AssertionError, match="not the average over all updates"):
        check_closed_form(EveryOther, 0.5, 2)


def fitted(**config):
    """A fit with a validation at every step, and its weights as they were after each step."""
    task = Given(train=[a_batch(seed=seed) for seed in range(4)], valid=[a_batch(T=9, B=5, seed=9)], test=[a_batch()])
    setup = a_setup(task, evaluations=8, budget=BudgetConfig(steps=8), **config)
    history = []
    setup.optimizer.register_step_post_hook(lambda *_: history.append(snapshot(setup.model)))
    return setup, fit(setup), history


def check_where_it_is_used():
    decay = 0.7
    setup, result, history = fitted(ema=decay)
    _, _, plain = fitted()
    for own, without in zip(history, plain, strict=True):
        assert all(torch.equal(own[name], without[name]) for name in own), "training goes on from the average"
    averaged, probe = history[0], a_setup(setup.task)
    scores = []
    for row, weights in zip(result.curve.rows, history, strict=True):
        averaged = {name: decay * averaged[name] + (1 - decay) * weights[name] for name in averaged}
        probe.model.load_state_dict(averaged)
        nll = evaluate(probe.model, probe.task, "valid", CPU64)["nll"]
        assert row["valid_nll"] == pytest.approx(nll, rel=1e-9), "the score on valid is not the average's"
        scores.append((row["valid_accuracy"], averaged))
    _, best = max(scores, key=lambda pair: pair[0])
    left = setup.model.state_dict()
    assert all(torch.allclose(left[name], best[name], rtol=0, atol=1e-12) for name in best), "the average is not kept"


def test_validation_and_the_kept_weights_are_the_averages_and_training_goes_on_from_its_own():
    check_where_it_is_used()


@pytest.mark.parametrize(
    ("mutant", "message"),
    [
        ("own weights in validation", "the score on valid is not the average's"),
        ("average left in the model", "training goes on from the average"),
    ],
)
def test_using_it_in_another_way_is_noticed(monkeypatch, mutant, message):
    load = Average._load
    calls = iter(range(100))

    def first_alone(self, weights):
        if next(calls) % 2 == 0:
            load(self, weights)

    monkeypatch.setattr(Average, "_load", first_alone if "left" in mutant else lambda self, weights: None)
    with pytest.raises(AssertionError, match=message):
        check_where_it_is_used()


def test_an_average_goes_on_from_its_state():
    """In one that has seen no update, as in a new process."""
    setup, _, _ = fitted(ema=0.9)
    new = a_setup(setup.task, ema=0.9)
    assert setup.average and new.average
    new.average.load_state_dict(setup.average.state_dict())
    new.model.load_state_dict(setup.model.state_dict())
    for average in (setup.average, new.average):
        average.update()
    assert all(torch.equal(a, b) for a, b in zip(setup.average.tensors, new.average.tensors, strict=True))
