"""Reported peaks of memory against what the system saw: on four tasks of fixed and four of ragged lengths.

    python -m pytest tests/benchmarks/test_peaks.py -n0 -s

Each run has a fresh process. While it trains and scores, glibc counts the bytes that it hands out in blocks of 16 KiB
and more (`malloc_stats`), and Linux the resident memory (VmHWM); both know nothing of torch. Each is a lower bound:
glibc does not count blocks that it takes from what was freed before, and memory that nobody writes to is not resident.
Afterwards the same process measures as a run does. The figure is the ratio of what is reported to the larger of the
two, for the whole of a run: the larger of the peaks in training and in scoring, less the weights, which were there
before. It is to be within 15%. Linux with glibc only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = {
    "copy, fixed": "task=copy cell=lstm model.hidden=128 task.delay=150",
    "charlm, fixed, carried": "task=charlm cell=gru model.hidden=192 task.length=128 bptt=truncated bptt.window=64",
    "digits, fixed": "task=digits cell=gru model.hidden=128 unroll=kernels",
    "narma10, fixed": "task=narma10 cell=mingru model.hidden=128",
    "text_classification, ragged": "task=text_classification cell=gru model.hidden=256 task.clauses=8",
    "sentiment, ragged": "task=sentiment cell=lstm model.hidden=192 unroll=kernels",
    "speech, ragged": "task=speech cell=vanilla model.hidden=256 unroll=eager",
    "translation, ragged": "task=translation cell=gru model.hidden=256 model.attention=dot task.largest=99999",
}
STEPS = 6
MOST = 0.15

CHILD = """
import ctypes, json, os, sys, tempfile

from bench.config.compose import compose
from bench.hardware.process import HighWater
from bench.job.prepared import prepare
from bench.measure.memory import measure_memory
from bench.train.evaluate import evaluate
from bench.train.fit import Fit
from bench.train.largest import Largest

libc = ctypes.CDLL(None)

def most():
    "The most bytes that glibc has handed out in large blocks at any time."
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        libc.malloc_stats()
        os.dup2(kept, 2)
        file.seek(0)
        line = next(line for line in file.read().decode().splitlines() if line.startswith("max mmap bytes"))
    return int(line.split("=")[1])

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc.mallinfo2.restype = Info

prepared = prepare(compose(sys.argv[1:]))
if prepared.error:
    raise prepared.error
setup = prepared.setup
libc.malloc_trim(0)  # what preparation has freed would be taken again without growing
before, resident = libc.mallinfo2().hblkhd, HighWater()
fit, scored = Fit(setup), Largest()
for _ in fit:
    pass
for split in ("valid", "test"):
    evaluate(setup.model, setup.task, split, setup.machine, scored)
counted, seen = most(), resident.mib
found = measure_memory(setup, fit.largest, scored)
found |= {"counted": (counted - before) / 2**20, "resident": seen, "unroll": setup.unroll}
print(json.dumps(found))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc and /proc")
@pytest.mark.parametrize("name", RUNS)
def test_the_peak_is_what_the_allocator_hands_out(benchmark, name, tmp_path):
    words = f"{RUNS[name]} batch_size=128 budget.steps={STEPS} evaluations=1 hardware.device=cpu".split()
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**14), "PYTHONPATH": str(Path(__file__).parents[2])}

    def run():
        command = [sys.executable, "-c", CHILD, *words, f"results_dir={tmp_path}"]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    found = json.loads(benchmark.pedantic(run, rounds=1).splitlines()[-1])
    reported = max(found["peak_mib"], found["evaluation_mib"]) - found["weights_mib"]
    benchmark.extra_info.update(found, reported=reported)
    seen = max(found["counted"], found["resident"])
    print(
        f"\n| {name}, {found['unroll']} | {reported:.1f} | {found['counted']:.1f} | {found['resident']:.1f} "
        f"| {reported / seen:.2f} |",
        end="",
    )
    assert reported == pytest.approx(seen, rel=MOST)
