"""Is a slow-down of 5% found by `bench speed --compare`, and is the same code never called slower?

    python -m pytest tests/benchmarks/test_planted_slow_down.py -n0 -s

The code here, and a copy in which every training step takes 5% more processor time, are each measured in turn with the
code here. The copy is to be `SLOWER` and the same code not. On a busy machine it may not be told: that is said.
"""

import os
import subprocess
import sys

from checkouts import a_checkout
from cli_tools import ROOT

from bench.hardware.contention import Patience
from bench.hardware.load import Gauge

WORDS = ("cell=gru", "task=copy", "task.delay=50", "model.hidden=64", "measure.seconds=0.5", "--figures=train")


def test_a_planted_slow_down_is_found(benchmark, tmp_path):
    def verdict(folder):
        """What the code in a folder says of itself beside the code here."""
        command = [sys.executable, "-m", "bench", "speed", *WORDS, "--clock=cpu", f"--compare={ROOT}"]
        command += [f"results_dir={tmp_path}", "--launches=40"]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        said = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert said.returncode in (0, 1), said.stderr
        *_, head, line = said.stdout.splitlines()
        assert (said.returncode == 1) == ("SLOWER" in line)
        return f"{line}; {head.partition(', ')[2]}"

    quiet = Patience(20.0, Gauge()).wait()
    slowed = a_checkout(tmp_path / "slowed", factor=1.05)
    found = benchmark.pedantic(lambda: {name: verdict(f) for name, f in (("same", ROOT), ("slowed", slowed))}, rounds=1)
    benchmark.extra_info.update(found, quiet=quiet)
    print("" if quiet else "\non a busy machine", *(f"{name}: {said}" for name, said in found.items()), sep="\n")
    assert "SLOWER" not in found["same"]
    assert "SLOWER" in found["slowed"] or not quiet
