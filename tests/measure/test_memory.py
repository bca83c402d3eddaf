"""The parts of memory, each by what it must be, and the batch that decides the peak."""

from types import SimpleNamespace

import pytest
import torch
from three_tasks import TASKS
from tiny import Given, a_batch, a_setup, truncated

from bench.config.schema import ModelConfig
from bench.hardware.machine import Machine
from bench.measure import peak
from bench.measure.memory import measure_memory

H = 32


def a_run(*lengths, **changes):
    """A setup whose training batches have these lengths."""
    task = Given(train=[a_batch(T, 4, seed=T) for T in lengths])
    return a_setup(task, **{"model": ModelConfig(hidden=H), "batch_size": 4, **changes})


def test_the_longest_batch_decides_wherever_it_stands():
    short, long = (measure_memory(a_run(T))["activations_mib"] for T in (4, 64))
    assert long > 4 * short
    for lengths in ((64, 4, 5), (4, 5, 64)):
        assert measure_memory(a_run(*lengths))["activations_mib"] == pytest.approx(long, rel=0.02)


def test_what_training_drew_is_measured_and_not_what_it_might_have():
    given = measure_memory(a_run(4, 64), trained=[a_batch(4, 4)])
    assert given["activations_mib"] == pytest.approx(measure_memory(a_run(4))["activations_mib"], rel=0.02)


def test_the_parts_add_up_to_the_peak_and_are_what_they_must_be():
    setup = a_run(8, ema=0.9)
    found = measure_memory(setup, scored=[a_batch(8, 4)])
    weights = sum(weight.nbytes for weight in setup.model.parameters()) / 2**20
    assert found["weights_mib"] == pytest.approx(weights, abs=0.001)
    assert found["copies_mib"] == pytest.approx(2 * weights, abs=0.001)
    assert found["optimizer_mib"] == pytest.approx(2 * weights, abs=0.001)
    parts = ("weights_mib", "copies_mib", "optimizer_mib", "activations_mib")
    assert sum(found[name] for name in parts) == pytest.approx(found["peak_mib"], abs=0.01)


@pytest.mark.parametrize(("cell", "tensors"), [("gru.GRU", 1), ("lstm.LSTM", 2)])
def test_the_state_of_a_stream_is_that_of_one_lane_in_all_layers(cell, tensors):
    setup = a_run(4, cell=f"bench.cells.{cell}", model=ModelConfig(hidden=H, layers=2))
    assert measure_memory(setup)["state_bytes"] == 2 * tensors * H * 8


def test_activations_a_token_are_those_of_any_length():
    """A GRU keeps for each step and unit at least its state and three gates, in 8 bytes each."""
    short, long = (measure_memory(a_run(T))["activation_bytes"] for T in (64, 192))
    assert short == pytest.approx(long, rel=0.1)
    assert long > 4 * H * 8


def test_a_window_and_checkpoints_take_the_memory_of_what_they_keep_at_once():
    whole = measure_memory(a_run(96))["activations_mib"]
    window = measure_memory(a_run(96, bptt=truncated(24)))
    assert window["activations_mib"] < 0.5 * whole
    assert window["activation_bytes"] == pytest.approx(measure_memory(a_run(96))["activation_bytes"], rel=0.3)


def test_scoring_has_a_peak_of_its_own_with_all_that_is_kept():
    setup = a_run(4)
    found = measure_memory(setup, scored=[a_batch(300, 64)])
    logits = 300 * 64 * 4 * 8 / 2**20
    assert found["evaluation_mib"] > found["weights_mib"] + found["copies_mib"] + found["optimizer_mib"] + logits
    assert measure_memory(setup)["evaluation_mib"] is None
    assert measure_memory(setup, scored=[a_batch(4, 4)])["evaluation_mib"] < found["evaluation_mib"]


def test_an_encoder_decoder_is_measured_while_it_trains_and_while_it_writes():
    setup = a_setup(TASKS["sequence"], model=ModelConfig(hidden=5))
    found = measure_memory(setup, scored=TASKS["sequence"].batches("train", 2, torch.Generator()))
    assert found["evaluation_mib"] > 0 and found["state_bytes"] > 0


def test_on_mps_what_is_kept_is_counted_and_no_peak_made_up(monkeypatch):
    setup = a_run(4)
    monkeypatch.setattr(Machine, "counts_memory", False)
    found = measure_memory(setup, scored=[a_batch(4, 4)])
    assert {name for name, figure in found.items() if figure is None} == {
        "peak_mib", "activations_mib", "activation_bytes", "evaluation_mib",
    }  # fmt: skip
    assert found["optimizer_mib"] > 0


def test_on_cuda_the_peak_is_that_since_the_work_began(monkeypatch):
    """An allocator that keeps the most of an earlier time until it is reset."""
    allocator = SimpleNamespace(now=100, most=9000)

    def work():
        allocator.most = max(allocator.most, allocator.now + 70)

    monkeypatch.setattr(Machine, "synchronize", lambda self: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: setattr(allocator, "most", allocator.now))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: allocator.now)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: allocator.most)
    assert peak.peak_of(work, Machine(torch.device("cuda"), "float32", 1)) == 70
