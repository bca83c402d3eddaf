"""Speed: what is timed, over which batches, and what a record keeps of it."""

from dataclasses import replace

import pytest
import torch
from clock import Ticking
from counters import BUSY, Scripted
from factories import a_record
from three_tasks import TASKS
from tiny import Given, a_batch, a_setup
from traces import made

from bench.api import leaves
from bench.config.schema import ModelConfig
from bench.hardware.machine import Machine
from bench.hardware.timing import Timed
from bench.measure import speed as speed_module
from bench.measure.speed import Streaming, measure_speed
from bench.results.row import Row
from bench.tables.closing import summary

BRIEF = 0.01  # seconds of sampling
FIGURES = {"train_tokens_per_s", "infer_tokens_per_s", "step_us", "prefill_tokens_per_s"}
STEPS = speed_module._STREAM


def measured(T=6, B=2, **changes):
    """A tiny run whose training batches are `T` by `B`."""
    return a_setup(Given(train=[a_batch(T, B, seed=seed) for seed in range(4)]), **changes)


def test_speed_has_its_figures_each_with_quartiles_of_enough_samples_and_a_record_holds_them():
    speed = measure_speed(measured(), BRIEF)
    assert set(speed) == FIGURES
    for figure in speed.values():
        assert 0 < figure["q1"] <= figure["median"] <= figure["q3"]
        assert figure["low"] <= figure["median"] <= figure["high"]
        assert len(figure["samples"]) >= 5
    assert a_record(speed=speed).speed == speed


def by_ticks(setup, **machine):
    """Speeds on a clock of which every look takes a second."""
    return measure_speed(setup, BRIEF, clock=Ticking(), gauge=Scripted(machine))


def test_a_token_is_a_time_step_of_a_lane():
    """A sample takes a second, but for streaming, where each step is looked at."""
    speed = by_ticks(measured(T=7, B=3))
    assert speed["train_tokens_per_s"]["median"] == speed["infer_tokens_per_s"]["median"] == 21
    assert speed["prefill_tokens_per_s"]["median"] == 7
    assert speed["step_us"]["median"] == pytest.approx(1e6 * (STEPS + 2) / STEPS)


def test_the_slowest_of_a_hundred_steps_is_told_from_the_median():
    step = by_ticks(measured())["step_us"]
    assert (step["p99"], step["steps"]) == (1e6, 5 * STEPS)


class Recorded(Given):
    """Inputs of 100 time steps a second."""

    @property
    def spec(self):
        return replace(super().spec, rate=100.0)


def test_real_time_is_the_share_of_a_frame_that_its_step_takes():
    recorded = a_setup(Recorded(train=[a_batch()]))
    step = by_ticks(recorded)["step_us"]
    assert step["real_time"] == pytest.approx(step["median"] / 10_000)
    record = a_record(speed={**a_record().speed, "step_us": step})
    assert Row.of(record, written=0).real_time == step["real_time"]
    assert f"{step['real_time']:.3g} of real time" in summary(record)
    assert by_ticks(measured())["step_us"]["real_time"] is None and "real time" not in summary(a_record())


def test_batches_of_many_lengths_are_measured_as_drawn_and_on_the_longest_apart():
    lengths = (3, 9, 4, 5, 30, 6)
    speed = by_ticks(a_setup(Given(train=[a_batch(T) for T in lengths])))
    assert set(speed["train_tokens_per_s"]["samples"]) <= {2 * T for T in lengths}
    assert speed["infer_tokens_per_s"]["samples"] == [10, 60, 12, 6, 18], "from the fourth batch on"
    longest = speed["longest"]
    assert (longest["steps"], longest["lanes"], longest["tokens"]) == (30, 2, 60)
    assert longest["train_tokens_per_s"]["median"] == longest["infer_tokens_per_s"]["median"] == 60
    assert a_record(speed=speed).speed == speed and "longest" not in by_ticks(measured())


def test_every_figure_of_a_busy_machine_is_marked_and_none_of_a_quiet_one():
    for rises, marks in ((BUSY, {"contended"}), ({}, set())):
        assert {name: set(figure["marks"]) for name, figure in by_ticks(measured(), **rises).items()} == dict.fromkeys(
            FIGURES, marks
        )


class Queue:
    """A device that computes while the host goes on: it looks, with each wait, how many steps it waits for."""

    def __init__(self):
        self.steps, self.waited_for = 0, []

    def step(self, x, state):
        self.steps += 1
        return x, state

    def synchronize(self):
        self.waited_for.append(self.steps)
        self.steps = 0


@pytest.mark.parametrize(("waiting", "longest"), [(True, 1), (False, STEPS)])
def test_a_step_is_waited_for_or_queues_behind_others(monkeypatch, waiting, longest):
    setup, queue = measured(unroll="eager"), Queue()  # kernels take another way than the model's
    monkeypatch.setattr(Machine, "synchronize", lambda machine: queue.synchronize())
    monkeypatch.setattr(Machine, "queues", property(lambda machine: True))
    monkeypatch.setattr(setup.model, "step", queue.step)
    streaming = Streaming(setup.model, setup.machine, a_batch(), waiting)
    assert Timed(streaming.work, setup.machine).sample().tokens == STEPS
    assert max(queue.waited_for[1:]) == longest
    assert len(streaming.took) == (STEPS if waiting else 0)


@pytest.mark.parametrize(
    ("cell", "unroll", "form"),
    [
        ("gru", "vendor", "kernels"), ("mingru", "parallel", "kernels"), ("gru", "kernels", "kernels"),
        ("gru", "eager", "eager"), ("attention", "parallel", "eager"),
    ],
)  # fmt: skip
def test_a_model_streams_by_a_generated_function_whatever_form_it_was_trained_in_but_the_loop(cell, unroll, form):
    step = by_ticks(made({"cell": cell, "unroll": unroll}))["step_us"]
    assert step["form"] == form
    assert a_record(speed={**a_record().speed, "step_us": step}).speed["step_us"]["form"] == form


def test_latency_and_throughput_are_apart_where_steps_queue(monkeypatch):
    monkeypatch.setattr(Machine, "queues", True)
    speed = by_ticks(measured())
    assert speed["queued_step_us"]["median"] < speed["step_us"]["median"] and "p99" not in speed["queued_step_us"]
    assert a_record(speed=speed).speed == speed


@pytest.mark.parametrize("attention", ["none", "additive"])
def test_a_decoder_s_steps_are_timed_after_it_has_read(monkeypatch, attention):
    """With attention a step costs more, the more was read. A prompt is what it reads."""
    setup = a_setup(TASKS["sequence"], model=ModelConfig(hidden=5, attention=attention))
    seen, step, prompts, read = [], setup.model.step, [], setup.model.read
    monkeypatch.setattr(setup.model, "step", lambda x, state: seen.append(state) or step(x, state))
    monkeypatch.setattr(setup.model, "read", lambda x, *state: prompts.append(x) or read(x, *state))
    measure_speed(setup, BRIEF)
    assert all(leaf.any() for leaf in leaves(seen[0]))
    assert prompts[-1].shape == (6, 1)


def test_a_model_is_measured_as_the_run_trains_it():
    """The figures come from the very loop: clipping, windows and updates included."""
    setup = a_setup(Given(train=[a_batch()]), window=2, clip=1.0)
    before = [p.clone() for p in setup.model.parameters()]
    measure_speed(setup, BRIEF)
    assert not all(torch.equal(a, b) for a, b in zip(before, setup.model.parameters(), strict=True))
