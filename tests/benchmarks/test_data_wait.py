"""How long training waits for its next batch: for each task's default and the default model, a GRU.

    python -m pytest tests/benchmarks/test_data_wait.py -s [-k music] [--benchmark-json=FILE]

The figure is the share of wall time between batches that is spent on getting the next one, on one thread, over SECONDS
of training after the first steps, passes that end and begin anew included. It is to be below 5%. With -s a table is
printed as Markdown. Other work on the machine slows both sides alike.
"""

import time
from itertools import islice

import pytest
import torch

from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.config.rules import validate
from bench.job.build import build, build_task
from bench.train.loop import train
from bench.train.setup import stream_seed

TASKS = [name for name, choice in choices("task").items() if choice.package.name == "bench" and name != "custom"]
WARM_UP, SECONDS, LEAST = 10, 5.0, 50
TARGET = 0.05


class Timed:
    """The batches of train, pass after pass, with the seconds and the number of times that they were waited for."""

    def __init__(self, task, batch_size, seed):
        generator = torch.Generator().manual_seed(stream_seed(seed, "data"))
        self.batches = (b for _ in iter(int, 1) for b in task.batches("train", batch_size, generator))
        self.waited = 0.0

    def __iter__(self):
        return self

    def __next__(self):
        start = time.perf_counter()
        try:
            return next(self.batches)
        finally:
            self.waited += time.perf_counter() - start


def share_waited(options):
    """The share, the milliseconds of a step, and those of a batch."""
    torch.set_num_threads(1)
    setup = build(validate(options.config), build_task(options.config.task))
    config = setup.config
    batches = Timed(setup.task, config.batch_size, config.seed)
    steps = train(setup.model, setup.task, setup.optimizer, batches, config, setup.machine)
    list(islice(steps, WARM_UP))
    batches.waited, count, start = 0.0, 0, time.perf_counter()
    while count < LEAST or time.perf_counter() - start < SECONDS:
        next(steps)
        count += 1
    seconds = time.perf_counter() - start
    return batches.waited / seconds, 1e3 * seconds / count, 1e3 * batches.waited / count


@pytest.fixture(scope="module")
def table():
    """Rows by task, printed at the end."""
    rows = {}
    yield rows
    print("\n\n| task | ms a step | ms a batch | waiting |\n| --- | --: | --: | --: |")
    for name, (share, step_ms, batch_ms) in rows.items():
        print(f"| {name} | {step_ms:.2f} | {batch_ms:.3f} | {share:.2%} |")


@pytest.mark.parametrize("name", TASKS)
def test_data_wait(benchmark, table, name):
    options = compose([f"task={name}", "cell=gru"])
    share, step_ms, batch_ms = benchmark.pedantic(share_waited, args=[options], rounds=1)
    benchmark.group = "waiting for batches, 1 thread"
    benchmark.extra_info.update(share=share, step_ms=step_ms, batch_ms=batch_ms, torch=torch.__version__)
    table[name] = share, step_ms, batch_ms
    assert share < TARGET
