"""What truncated BPTT and checkpointing in time cost and save: speed and activation memory of a training step, over T.

    python -m pytest tests/benchmarks/test_bptt.py -s [-k gru]

Steps of the forms take turns in one process of one thread and are timed by the processor time they use; figures are
medians, and ratios to full BPTT in the same run. Windows are an eighth of the sequence, with an update each: they are
to keep 0.95 of full BPTT's tokens/s and to need a sixth of its activations at most. Gradients are compared first.
"""

import time
from itertools import cycle
from statistics import median

import pytest
import torch
from tiny import Given, Spy, a_setup, seeded

from bench.api import Batch
from bench.config.schema import BPTTConfig, ModelConfig
from bench.measure.memory import measure_memory
from bench.train.loop import train

LENGTHS, B, H, CLASSES = (512, 1024, 2048), 32, 128, 4
PAIRS, WARM_UP = 5, 2


def a_batch_of(T):
    inputs, targets = (torch.randint(CLASSES, (T, B), generator=seeded(seed)) for seed in (1, 2))
    return Batch(inputs, targets, torch.ones(T, B), torch.ones(B, dtype=torch.bool))


def forms_of(T):
    return {
        "full": BPTTConfig(),
        "T/8": BPTTConfig("truncated", T // 8),
        "checkpointed": BPTTConfig(checkpoint=True),
    }


def set_up(cell, batch, bptt):
    torch.manual_seed(0)
    return a_setup(
        Given(train=[batch], valid=[batch]),
        cell=cell,
        bptt=bptt,
        precision="float32",
        model=ModelConfig(hidden=H),
        batch_size=B,
    )


def steps_of(setup, batches):
    return train(setup.model, setup.task, setup.optimizer, batches, setup.config, setup.machine)


def check_same_gradients(cell, T):
    """Checkpointed gradients are the full ones, and truncated ones in one window too; or there is nothing to time."""
    batch, found = a_batch_of(T), []
    for bptt in (BPTTConfig(), BPTTConfig(checkpoint=True), BPTTConfig("truncated", T)):
        setup = set_up(cell, batch, bptt)
        spy = Spy(setup.model)
        next(train(setup.model, setup.task, spy, [batch], setup.config, setup.machine))
        found.append(spy.gradients[0])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def tokens_per_s(cell, T):
    """By form: the median over steps that take turns."""
    batch = a_batch_of(T)
    running = {name: steps_of(set_up(cell, batch, bptt), cycle([batch])) for name, bptt in forms_of(T).items()}
    seconds = {name: [] for name in running}
    for _ in range(WARM_UP + PAIRS):
        for name, steps in running.items():
            start = time.process_time()
            next(steps)
            seconds[name].append(time.process_time() - start)
    return {name: T * B / median(each[WARM_UP:]) for name, each in seconds.items()}


def activations(cell, T):
    """By form: MiB that a step adds to weights and optimiser state."""
    found = {}
    for name, bptt in forms_of(T).items():
        setup = set_up(cell, a_batch_of(T), bptt)
        arguments = (setup.model, setup.task, setup.optimizer, setup.config, setup.machine)
        found[name] = measure_memory(*arguments)["activations_mib"]
    return found


@pytest.mark.parametrize("cell", ["gru.GRU", "lstm.LSTM", "vanilla.Vanilla"])
def test_truncation_and_checkpointing(benchmark, cell):
    cell = f"bench.cells.{cell}"
    check_same_gradients(cell, 64)
    speeds = benchmark.pedantic(lambda: {T: tokens_per_s(cell, T) for T in LENGTHS}, rounds=1)
    memory = {T: activations(cell, T) for T in LENGTHS}
    print(f"\n| {cell.rpartition('.')[2]}, T | " + " | ".join(f"{name}: tokens/s | MiB" for name in forms_of(8)) + " |")
    print("|" + "---:|" * 7)
    for T in LENGTHS:
        cells = [f"{speeds[T][name] / speeds[T]['full']:.2f} | {memory[T][name]:.1f}" for name in forms_of(T)]
        print(f"| {T} | {speeds[T]['full'] / 1e3:.0f}k | {memory[T]['full']:.1f} | {' | '.join(cells[1:])} |")
    benchmark.extra_info.update(tokens_per_s=speeds, activations_mib=memory)
    for T in LENGTHS:
        assert speeds[T]["T/8"] >= 0.95 * speeds[T]["full"]
        assert memory[T]["T/8"] <= memory[T]["full"] / 6
    growth = memory[2048]["checkpointed"] / memory[512]["checkpointed"]
    assert growth < 3, "four times the time steps: of order sqrt(T) it would be 2"
