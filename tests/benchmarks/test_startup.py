"""How long it takes to begin: processor time of whole processes, beside what they cannot do without.

    python -m pytest tests/benchmarks/test_startup.py -n0 -s

`--help` is to take at most 1.3 times `import hydra`; the first training step of a default run at most 1.2 times `import
torch, hydra`. The first step of any of torch's optimisers imports its compiler, which a run does without: that is a
baseline, too.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
TURNS = 5
FIRST_STEP = """
import os, sys
from bench.command.main import main
from bench.train.fit import Fit
timed = Fit._timed
def end(self, steps):
    next(timed(self, steps))
    os._exit(0)
Fit._timed = end
main(["rerun=true", f"results_dir={sys.argv[1]}"])
"""
BY_HAND = """
import torch, hydra
weight = torch.nn.Parameter(torch.zeros(1))
optimizer = torch.optim.Adam([weight], fused=True)
weight.grad = torch.ones(1)
optimizer.step()
"""


def processor_time(*arguments):
    """Seconds of processor time of a process of Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_startup(benchmark, tmp_path):
    commands = {
        "import hydra": ("-c", "import hydra"),
        "--help": ("-m", "bench", "--help"),
        "import torch, hydra": ("-c", "import torch, hydra"),
        "and a step of Adam": ("-c", BY_HAND),
        "first step of a run": ("-c", FIRST_STEP, str(tmp_path)),
    }

    def in_turns():
        return [{name: processor_time(*words) for name, words in commands.items()} for _ in range(TURNS)]

    turns = benchmark.pedantic(in_turns, rounds=1)
    for name in commands:
        print(f"\n{name:20} {median(turn[name] for turn in turns):.2f} s", end="")
    targets = {("--help", "import hydra"): 1.3, ("first step of a run", "import torch, hydra"): 1.2}
    for (ours, base), target in {**targets, ("first step of a run", "and a step of Adam"): 1.2}.items():
        ratio = median(turn[ours] / turn[base] for turn in turns)
        benchmark.extra_info[f"{ours} / {base}"] = ratio
        print(f"\n{ours} / {base}: {ratio:.2f} (target {target})", end="")
