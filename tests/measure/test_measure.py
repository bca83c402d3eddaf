"""Speed and memory: what is counted, what is left out, and bounds that the figures must keep."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from three_tasks import TASKS
from tiny import CPU64, Given, a_batch, a_setup

from bench.api import leaves
from bench.config.schema import ModelConfig
from bench.hardware.timing import sample
from bench.measure import memory
from bench.measure import speed as speed_module
from bench.measure.flops import parameter_count
from bench.measure.memory import measure_memory
from bench.measure.speed import measure_speed

BRIEF = 0.01  # seconds of sampling


def measured(T=6, B=2, **changes):
    """A tiny run whose training batches are `T` by `B`."""
    return a_setup(Given(train=[a_batch(T, B, seed=seed) for seed in range(4)]), **changes)


def test_speed_has_three_figures_each_with_quartiles_of_enough_samples():
    speed = measure_speed(measured(), BRIEF)
    assert set(speed) == {"train_tokens_per_s", "infer_tokens_per_s", "step_us"}
    for figure in speed.values():
        assert 0 < figure["q1"] <= figure["median"] <= figure["q3"]
        assert len(figure["samples"]) >= 5


class Clock:
    """Every look takes a second."""

    def __init__(self):
        self.ticks = itertools.count()

    def __call__(self):
        return float(next(self.ticks))


def test_warm_up_is_done_and_left_out():
    calls = itertools.count(1)
    samples = sample(lambda: next(calls), CPU64, BRIEF, Clock())
    assert samples == [(number, 1.0) for number in range(4, 9)], "samples of the calls 4 to 8, a second each"


def test_sampling_ends_by_time_but_not_before_the_least_nor_after_the_most():
    for seconds, samples in ((0.5, 5), (20.0, 20), (1000.0, 50)):
        assert len(sample(lambda: 1, CPU64, seconds, Clock())) == samples


def test_the_device_is_waited_for_on_both_sides_of_the_work():
    events = []

    class Asynchronous:
        def synchronize(self):
            events.append("wait")

    sample(lambda: events.append("work") or 1, Asynchronous(), BRIEF)
    warm_up, sampled = events[:3], events[3:]
    assert warm_up == ["work"] * 3
    assert sampled == ["wait", "work", "wait"] * (len(sampled) // 3)


def test_a_token_is_a_time_step_of_a_lane():
    """On a clock where each sample takes a second, speed is the tokens of a sample."""
    speed = measure_speed(measured(T=7, B=3), BRIEF, Clock())
    assert speed["train_tokens_per_s"]["median"] == speed["infer_tokens_per_s"]["median"] == 21
    assert speed["step_us"]["median"] == 1e6 / speed_module._STREAM


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 5), st.integers(1000, 5000))
def test_the_peak_is_of_what_is_alive_at_once(tensors, size):
    def work():
        kept = [torch.empty(size, dtype=torch.float32) for _ in range(tensors)]
        kept.clear()
        for _ in range(3):
            torch.empty(size, dtype=torch.float32)

    assert memory._peak_of(work, CPU64) == pytest.approx(tensors * size * 4, abs=tensors * 64)


def activations(T, B, unroll="eager"):
    memory = measure_memory(measured(T, B, unroll=unroll, model=ModelConfig(hidden=32)))
    return memory["activations_mib"] * 2**20


@pytest.mark.parametrize("unroll", ["eager", "vendor"])
def test_memory_of_a_step_grows_with_time_and_is_at_least_what_backward_needs(unroll):
    """A GRU keeps for each step and unit at least the new state and its three gates, in 8 bytes each."""
    T, B, hidden = 64, 8, 32
    short, long = activations(T, B, unroll), activations(4 * T, B, unroll)
    assert short >= 4 * T * B * hidden * 8
    assert long - short >= 4 * 3 * T * B * hidden * 8


def test_a_frozen_parameter_is_not_counted_and_a_shared_one_once():
    first, second = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4)
    model = torch.nn.Sequential(first, second)
    assert parameter_count(model) == 2 * (3 * 4 + 4)
    first.weight.requires_grad_(False)
    assert parameter_count(model) == 4 + (3 * 4 + 4)
    second.bias = first.bias
    assert parameter_count(model) == 4 + 3 * 4


def test_a_training_split_of_one_batch_is_enough():
    setup = a_setup(Given(train=[a_batch()]))
    assert measure_memory(setup)["peak_mib"] > 0
    assert measure_speed(setup, BRIEF)["step_us"]["median"] > 0


@pytest.mark.parametrize("attention", ["none", "additive"])
def test_a_decoder_s_steps_are_timed_after_it_has_read(monkeypatch, attention):
    """With attention a step costs more, the more was read."""
    setup = a_setup(TASKS["sequence"], model=ModelConfig(hidden=5, attention=attention))
    seen, step = [], setup.model.step
    monkeypatch.setattr(setup.model, "step", lambda x, state: seen.append(state) or step(x, state))
    measure_speed(setup, BRIEF)
    assert all(leaf.any() for leaf in leaves(seen[0]))


def test_the_peak_counts_weights_gradients_and_optimiser_state():
    setup = a_setup(Given(train=[a_batch()]), model=ModelConfig(hidden=64))
    memory = measure_memory(setup)
    weights = parameter_count(setup.model) * 8 / 2**20
    assert memory["peak_mib"] - memory["activations_mib"] == pytest.approx(3 * weights, abs=0.002), (
        "weights, two moments"
    )
    assert memory["activations_mib"] >= weights, "at least the gradients"


def test_a_model_is_measured_as_the_run_trains_it():
    """The figures come from the very loop: clipping, windows and updates included."""
    setup = a_setup(Given(train=[a_batch()]), window=2, clip=1.0)
    before = [p.clone() for p in setup.model.parameters()]
    measure_speed(setup, BRIEF)
    assert not all(torch.equal(a, b) for a, b in zip(before, setup.model.parameters(), strict=True))
