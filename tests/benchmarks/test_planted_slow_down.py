"""Is a slow-down of 5% found by `bench speed --compare`, and is the same code never called slower?

    python -m pytest tests/benchmarks/test_planted_slow_down.py -n0 -s

All calls are made in one process, by processor time: the base five times, then by turns the same code and code in
which every training step takes 5% more processor time. On a quiet machine all of the latter are to be `SLOWER` and none
of the former; a call beside other work is not told apart. What is not quiet is said, not asserted.
"""

import re
import time
from statistics import median

from cli_tools import bench

from bench.hardware.contention import Patience
from bench.hardware.load import Gauge
from bench.measure import grid

SHARE, TIMES = 0.05, 5
WORDS = ("cell=gru", "task=copy", "task.delay=50", "model.hidden=64", "measure.seconds=2", "measure.retry=20")
train = grid.training


def slowed(setup, batches):
    """Training whose every step takes 5% more processor time."""
    steps = train(setup, batches)
    while True:
        began = time.process_time()
        tokens = next(steps)
        end = began + (1 + SHARE) * (time.process_time() - began)
        while time.process_time() < end:
            pass
        yield tokens


def test_a_planted_slow_down_is_found(benchmark, capsys, monkeypatch, tmp_path):
    def speed(*words):
        given = (*WORDS, f"results_dir={tmp_path}", "--figures=train", "--clock=cpu", *words)
        return bench(capsys, "speed", *given)

    def compared(training):
        """The exit code, the verdict and the ratio of times."""
        monkeypatch.setattr(grid, "training", training)
        said = speed(*(f"--compare={tmp_path / name}.json" for name in "abcde"))
        ratio, verdict = re.search(r"train  ([\d.]+) \S+ \S+  ([^:(\n]+)", said.out).groups()
        assert (said.code == 1) == (verdict.strip() == "SLOWER"), said.err
        return verdict.strip(), float(ratio)

    def all_of_them():
        for name in "abcde":
            assert speed(f"--to={tmp_path / name}").code == 0
        return [(compared(train), compared(slowed)) for _ in range(TIMES)]

    quiet = Patience(20.0, Gauge()).wait()
    found = benchmark.pedantic(all_of_them, rounds=1)
    for name, calls in zip(("the same code", f"{SHARE:.0%} slower"), zip(*found, strict=True), strict=True):
        verdicts = [verdict for verdict, _ in calls]
        said = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
        ratios = [ratio for _, ratio in calls]
        benchmark.extra_info[name] = said
        print(f"\n{name}{'' if quiet else ', on a busy machine'}: {said}", end="")
        print(f", ratio {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})", end="")
    assert not any(verdict == "SLOWER" for (verdict, _), _ in found) or not quiet
