"""What a sweep costs beside its members' own time, in seconds of processor time.

    python -m pytest tests/benchmarks/test_sweeps.py -n0 -s

A plan over 10,000 members, of ten configurations, is to take at most 10 s of a whole process. `a member` is what a
member costs beyond the time that its record has, and `Hydra's own` what it would with Hydra's launcher and sweeper;
`the start` is what a sweep of 1,000 members takes until the first begins.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
MEMBERS = 40
TINY = ("task=copy", "model.hidden=8", "budget.steps=1", "evaluations=1", "measure.seconds=0.001")
SWEEP = """
import sys, time
import bench.config.sweeps.engines as engines, bench.study.sweep as sweep
from bench.command.main import main
import torch, torch.optim
if sys.argv[1] == "Hydra's own":
    engines.register_engines = lambda: None
if sys.argv[1] == "the start":
    def first(*_):
        print(time.process_time() - began, file=sys.stderr, flush=True)
        import os
        os._exit(0)
    sweep.run_member = first
own = 0.0
execute = sweep.execute
def timed(*arguments):
    global own
    before = time.process_time()
    try:
        return execute(*arguments)
    finally:
        own += time.process_time() - before
        if timed.first:
            timed.first = False
            own, timed.began = 0.0, time.process_time()
timed.first = True
sweep.execute = timed
began = time.process_time()
main(["-m", *sys.argv[2:]])
print((time.process_time() - timed.began - own) / (int(sys.argv[2].partition("(")[2][:-1]) - 1), file=sys.stderr)
"""


def processor_time(*arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stderr.split()


def test_a_plan_over_ten_thousand_members(benchmark, tmp_path):
    words = ("cell=vanilla,gru,lstm,mgu,irnn", "task=copy,parity", "seed=range(1000)", "budget.steps=10")
    command = ("-m", "bench", "plan", *words, f"results_dir={tmp_path}")
    seconds = benchmark.pedantic(lambda: [processor_time(*command)[0] for _ in range(3)], rounds=1)
    print(f"\na plan over 10,000 members: {median(seconds):.1f} s (target 10)")
    benchmark.extra_info["seconds"] = median(seconds)


def test_overhead_of_a_member(benchmark, tmp_path):
    def measured(which, members, *words):
        said = processor_time("-c", SWEEP, which, f"seed=range({members})", *TINY, *words, f"results_dir={tmp_path}")[1]
        return float(said[-1])

    def in_turns():
        return [
            {
                "a member": measured("a member", MEMBERS, "rerun=true"),
                "Hydra's own": measured("Hydra's own", MEMBERS, "rerun=true"),
                "the start": measured("the start", 1000),
            }
            for _ in range(3)
        ]

    turns = benchmark.pedantic(in_turns, rounds=1)
    for name in turns[0]:
        seconds = median(turn[name] for turn in turns)
        benchmark.extra_info[name] = seconds
        print(f"\n{name:12} {seconds:.3f} s", end="")
