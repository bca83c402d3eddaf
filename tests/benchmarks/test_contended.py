"""Can figures be trusted: one piece of work measured as two, and a machine that is quiet or has a busy loop a core.

    python -m pytest tests/benchmarks/test_contended.py -n0 -s

On a quiet machine at least 18 of 20 intervals have the ratio 1 in them, with a half-width of at most 2%, and no figure
is marked; with a busy loop on every core each figure is marked `contended`. What is not quiet is said, not asserted.
"""

import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median

import torch
from tiny import Given, a_batch, a_setup

from bench.config.schema import ModelConfig
from bench.hardware.contention import Patience
from bench.hardware.load import Gauge
from bench.hardware.machine import Machine
from bench.measure.aa import same_twice
from bench.measure.speed import measure_speed

TIMES = 20
MACHINE = Machine(torch.device("cpu"), "float32", 1)


def test_the_same_work_measured_twice_is_found_equal(benchmark):
    def twenty():
        return [same_twice(MACHINE, Gauge(), seconds=0.5, seed=seed) for seed in range(TIMES)]

    found = benchmark.pedantic(twenty, rounds=1)
    ratios = [each.ratio for each in found]
    hits = sum(ratio.low <= 1 <= ratio.high for ratio in ratios)
    half = median((ratio.high - ratio.low) / 2 for ratio in ratios)
    busy = sum("contended" in each.marks for each in found)
    benchmark.extra_info.update(hits=hits, of=TIMES, half=half, contended=busy)
    print(f"\n{hits} of {TIMES} intervals have 1 in them (target 18), {busy} are contended", end="")
    print(f"; half-width {half:.2%} (target 2% when quiet)")


@contextmanager
def busy_loops():
    """A loop on every core."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(Gauge().cores)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def figures():
    """The figures of a small model, by name, with the reasons of those that are contended."""
    task = Given(train=[a_batch(64, 16, seed=seed) for seed in range(4)])
    speed = measure_speed(a_setup(task, model=ModelConfig(hidden=64)), 1.0)
    return {name: figure["marks"].get("contended") for name, figure in speed.items()}


def test_figures_are_contended_beside_busy_loops_and_not_alone(benchmark):
    quiet = Patience(20.0, Gauge()).wait()
    alone = benchmark.pedantic(figures, rounds=1)
    with busy_loops():
        beside = figures()
    benchmark.extra_info.update(quiet=quiet, alone=alone, beside=beside)
    for name, found in (("alone" if quiet else "alone, but on a busy machine", alone), ("beside busy loops", beside)):
        print(
            f"\n{name}: {sum(map(bool, found.values()))} of {len(found)} figures contended", *found.items(), sep="\n  "
        )
    assert all(beside.values())
