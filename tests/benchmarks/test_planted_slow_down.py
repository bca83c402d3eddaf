"""Is a slow-down of 5% found by `bench speed --compare`, and is the same code never called slower?

    python -m pytest tests/benchmarks/test_planted_slow_down.py -n0 -s

Five calls each of the base, of the same code and of code in which every training step takes 5% more processor time, in
turns in one process, by processor time. On a quiet machine the last is to be `SLOWER` and the same code not; calls
beside other work are not told apart. What is not quiet is said, not asserted.
"""

import re
import time

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
        return bench(capsys, "speed", *words)

    def all_of_them():
        for number in range(TIMES):
            for name, training in (("base", train), ("same", train), ("slowed", slowed)):
                monkeypatch.setattr(grid, "training", training)
                to = f"--to={tmp_path / name}-{number}"
                assert speed(*WORDS, f"results_dir={tmp_path}", "--figures=train", "--clock=cpu", to).code == 0

    def compared(name):
        """The verdict and the ratio of times, in the command's words."""
        first, *further = (f"{tmp_path / name}-{number}.json" for number in range(TIMES))
        before = (f"--compare={tmp_path}/base-{number}.json" for number in range(TIMES))
        said = speed(f"--from={first}", *(f"--beside={each}" for each in further), *before)
        (line,) = re.findall(r"train  (.*)", said.out)
        assert (said.code == 1) == ("SLOWER" in line), said.err
        return line

    quiet = Patience(20.0, Gauge()).wait()
    benchmark.pedantic(all_of_them, rounds=1)
    found = {name: compared(name) for name in ("same", "slowed")}
    benchmark.extra_info.update(found, quiet=quiet)
    print("" if quiet else "\non a busy machine", *found.items(), sep="\n")
    assert "SLOWER" not in found["same"] or not quiet
