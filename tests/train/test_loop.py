"""The loop: what a step reports, when weights change, and when it stops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU64, Given, Spy, a_batch, a_config, a_model, few, seeded

from bench.api import Batch
from bench.errors import DataError, Diverged
from bench.train.loop import train
from bench.train.passes import Passes


def steps_on(batches, task=None, optimizer=None, **config):
    model = a_model(seed=0)
    optimizer = optimizer(model) if optimizer else Spy(model)
    return list(train(model, task or Given(train=batches), optimizer, batches, a_config(**config), CPU64))


def test_a_step_reports_its_number_its_size_and_its_mean_loss():
    batches = [a_batch(T=6, B=2), a_batch(T=4, B=3, scored=slice(1, None))]
    model, task = a_model(), Given(train=batches)
    for number, (step, batch) in enumerate(zip(steps_on(batches), batches, strict=True), 1):
        logits, _ = model(batch.inputs, model.initial_state(len(batch.fresh)))
        loss_TB = task.loss(logits, batch)
        assert (step.number, step.sequences, step.tokens) == (number, len(batch.fresh), batch.weight.numel())
        assert step.loss == pytest.approx(loss_TB[batch.weight > 0].mean().item())


@few
@given(st.integers(1, 7))
def test_the_reported_loss_does_not_depend_on_the_window(window):
    batch = a_batch(T=6)
    (whole,), (parts,) = steps_on([batch]), steps_on([batch], window=window)
    assert parts.loss == pytest.approx(whole.loss)


@pytest.mark.parametrize(
    ("window", "update", "updates"), [(None, "window", 1), (2, "window", 2), (2, "sequence", 1), (1, "window", 3)]
)
def test_windows_without_a_scored_position_change_nothing(window, update, updates):
    """Of six time steps the last three are scored: windows before them must not even move Adam's moments."""
    model, batch = a_model(), a_batch(T=6, scored=slice(3, None))
    adam = torch.optim.Adam(model.parameters())
    list(train(model, Given(train=[batch]), adam, [batch], a_config(window=window, update=update), CPU64))
    assert {state["step"].item() for state in adam.state.values()} == {updates}


def test_every_scored_window_changes_the_weights():
    model, batch = a_model(), a_batch(T=6)
    spy = Spy(model)
    list(train(model, Given(train=[batch]), spy, [batch], a_config(window=2), CPU64))
    assert len(spy.gradients) == 3


@pytest.mark.parametrize("update", ["window", "sequence"])
def test_a_batch_without_a_scored_position_is_a_step_without_an_update(update):
    model, batch = a_model(), a_batch(scored=slice(0, 0))
    spy = Spy(model)
    (step,) = train(model, Given(train=[batch]), spy, [batch], a_config(window=2, update=update), CPU64)
    assert spy.gradients == []
    assert math.isnan(step.loss)
    assert math.isnan(step.grad_norm)


def test_gradients_do_not_add_up_over_steps():
    batch = a_batch()
    spies = []
    steps_on([batch, batch], optimizer=lambda model: spies.append(Spy(model)) or spies[0])
    first, second = spies[0].gradients
    assert all(gradient.any() for gradient in first), "a gradient of zero would not add up"
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


class Breaking(Given):
    """Its loss turns to `value` at the third batch."""

    value = math.nan

    def loss(self, logits, batch):
        self.reads["loss"] += 1
        return super().loss(logits, batch) * (self.value if self.reads["loss"] == 3 else 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_training_at_that_step(value):
    batches = [a_batch()] * 5
    task = Breaking(train=batches)
    task.value = value
    model, done = a_model(), []
    before = None
    with pytest.raises(Diverged, match=f"the training loss became {value} at step 3"):
        for step in train(model, task, torch.optim.Adam(model.parameters()), batches, a_config(), CPU64):
            done.append(step.number)
            before = [p.clone() for p in model.parameters()]
    assert done == [1, 2]
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_loss_that_turns_in_a_later_window_is_noticed_too():
    batch = a_batch(T=6)
    with pytest.raises(Diverged, match="at step 1"):
        steps_on([batch], task=Breaking(train=[batch]), window=2)


def test_a_learning_rate_out_of_all_proportion_diverges():
    batches = [a_batch(seed=seed) for seed in range(20)]
    with pytest.raises(Diverged):
        steps_on(batches, optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=1e308))


def test_training_switches_dropout_on_at_every_step():
    model, batch = a_model(), a_batch()
    steps = train(model, Given(train=[batch]), Spy(model), [batch, batch], a_config(), CPU64)
    model.eval()
    modes = []
    for _ in steps:
        modes.append(model.training)
        model.eval()
    assert modes == [True, True]


def test_passes_go_round_and_round():
    task = Given(train=[a_batch(seed=seed) for seed in range(3)])
    batches = Passes(task, "train", 2, seeded())
    drawn = [next(batches).targets for _ in range(7)]
    assert torch.equal(drawn[0], drawn[3])
    assert torch.equal(drawn[0], drawn[6])
    assert task.reads["train"] == 3


def test_a_pass_without_a_batch_is_an_error_not_an_endless_loop():
    task = Given(train=[], valid=[a_batch()])
    with pytest.raises(DataError, match="given-v1 has no batch of 64 in its train split: lower batch_size"):
        next(Passes(task, "train", 64, seeded()))


@few
@given(st.integers(1, 6), st.integers(1, 3), st.sampled_from([None, 2]), st.sampled_from(["window", "sequence"]))
def test_the_gradient_of_the_sum_is_that_of_the_mean_times_the_scored_steps_of_a_sequence(
    scored, lanes, window, update
):
    batch, found = a_batch(T=6, B=lanes, scored=slice(6 - scored, None)), {}
    for loss in ("mean", "sum"):
        model = a_model()
        spy = Spy(model)
        (step,) = train(model, Given(train=[batch]), spy, [batch], a_config(window, update, loss=loss), CPU64)
        found[loss] = step.loss, spy.gradients
    assert found["sum"][0] == found["mean"][0], "what is stated is the mean"
    steps = [scored] if window is None or update == "sequence" else [min(2, scored - k) for k in range(0, scored, 2)]
    if window and update == "window" and scored % 2:
        steps = [1, *[2] * (scored // 2)]  # the first window that is scored has one such step
    for times, means, sums in zip(steps, found["mean"][1], found["sum"][1], strict=True):
        for mean, total in zip(means, sums, strict=True):
            torch.testing.assert_close(total, times * mean)


def test_the_sum_over_two_batches_is_that_over_one_with_all_the_lanes():
    one = a_batch(T=6, B=4)
    half = [
        Batch(one.inputs[:, lanes], one.targets[:, lanes], one.weight[:, lanes], one.fresh[lanes])
        for lanes in (slice(2), slice(2, 4))
    ]
    spies = []
    for batches, accumulate in (([one], 1), (half, 2)):
        model = a_model()
        spies.append(Spy(model))
        list(train(model, Given(train=batches), spies[-1], batches, a_config(loss="sum", accumulate=accumulate), CPU64))
    for whole, halves in zip(spies[0].gradients[0], spies[1].gradients[0], strict=True):
        torch.testing.assert_close(whole, halves)
