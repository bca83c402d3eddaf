"""Memory: what is counted, what is left out, and bounds that the figures must keep."""

import gc
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CPU64, Given, a_batch, a_setup, fitted

from bench.api import leaves
from bench.config.schema import BudgetConfig, ModelConfig
from bench.measure import memory, peak
from bench.measure.flops import parameter_count
from bench.measure.memory import measure_memory


def measured(T=6, B=2, **changes):
    """A tiny run whose training batches are `T` by `B`."""
    return a_setup(Given(train=[a_batch(T, B, seed=seed) for seed in range(4)]), **changes)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 5), st.integers(1000, 5000))
def test_the_peak_is_of_what_is_alive_at_once(tensors, size):
    def work():
        kept = [torch.empty(size, dtype=torch.float32) for _ in range(tensors)]
        kept.clear()
        for _ in range(3):
            torch.empty(size, dtype=torch.float32)

    assert peak.peak_of(work, CPU64) == pytest.approx(tensors * size * 4, abs=tensors * 64)


def test_python_looks_for_no_garbage_in_the_measured_step_and_does_again_after_it():
    """That of an earlier run, freed meanwhile, would be taken off the peak."""
    looks = []
    peak.peak_of(lambda: looks.append(gc.isenabled()), CPU64)
    assert [*looks, gc.isenabled()] == [False, True]


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
    assert measure_memory(a_setup(Given(train=[a_batch()])))["peak_mib"] > 0


def test_the_peak_counts_weights_gradients_and_optimiser_state():
    setup = a_setup(Given(train=[a_batch()]), model=ModelConfig(hidden=64))
    memory = measure_memory(setup)
    weights = parameter_count(setup.model) * 8 / 2**20
    assert memory["peak_mib"] - memory["activations_mib"] == pytest.approx(4 * weights, abs=0.002), (
        "weights, two moments, the best weights so far"
    )
    assert memory["activations_mib"] >= weights, "at least the gradients"


def test_averaged_weights_are_counted():
    setups = [a_setup(Given(train=[a_batch()]), model=ModelConfig(hidden=64), ema=ema) for ema in (None, 0.9)]
    plain, averaged = (memory["peak_mib"] - memory["activations_mib"] for memory in map(measure_memory, setups))
    weights = parameter_count(setups[0].model) * 8 / 2**20
    assert averaged - plain == pytest.approx(weights, abs=0.002)


def test_a_carried_state_is_counted_with_the_influence_of_the_parameters_on_it(monkeypatch):
    """It is there when a step begins, which makes another one beside it."""
    monkeypatch.setattr(memory, "peak_of", lambda work, machine: 0)
    setup = a_setup(Given(train=[a_batch()]), model=ModelConfig(hidden=16), gradient="rtrl")
    carried = sum(leaf.nbytes for leaf in leaves(setup.forward.initial_state(2)))
    assert measure_memory(setup)["activations_mib"] == pytest.approx(carried / 2**20, abs=0.001)


class Keeping(torch.optim.Adam):
    """Keeps each gradient, in a list of its own."""

    def step(self, closure=None):
        super().step()
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["kept"] = {"gradients": [parameter.grad.repeat(20, *[1] * parameter.dim())]}


def storages():
    """The bytes of each tensor that is alive and that Python sees."""
    with warnings.catch_warnings(action="ignore"):  # of modules that a look at them makes import others
        alive = (each.untyped_storage() for each in gc.get_objects() if issubclass(type(each), torch.Tensor))
        return {storage._cdata: storage.nbytes() for storage in alive}


@pytest.mark.parametrize(
    "changes",
    [
        {"ema": 0.9},
        {"optimizer": {"target": f"{__name__}:Keeping"}},
        {"model": ModelConfig(hidden=24, norm="batch_per_step")},
    ],
    ids=["averaged weights", "state of an optimiser of one's own", "running statistics"],
)
def test_no_moment_of_a_training_has_more_than_the_peak(changes):
    """Seen from outside: all tensors that are there after the last update, whoever made them and whatever for."""
    task = Given(train=[a_batch()] * 4, valid=[a_batch()])
    gc.collect()
    before, seen = storages(), []
    setup = a_setup(task, **{"model": ModelConfig(hidden=24), "budget": BudgetConfig(steps=3), **changes})

    def look(*_):
        seen.append(None if len(seen) < 2 else storages())

    hook = setup.optimizer.register_step_post_hook(look)
    fitted(setup)
    hook.remove()
    at_once = sum(size for storage, size in seen[-1].items() if storage not in before)
    assert at_once <= measure_memory(setup)["peak_mib"] * 2**20
