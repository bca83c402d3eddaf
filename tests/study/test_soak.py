"""A soak: many short runs by several processes that are killed all the time, on a disk that is full once.

Each worker takes one member after another, as `bench.sweep` does, and every second or so one of them is killed. Once
the disk is full for a while. In the end the same sweep finds every run done, once, with the score of an undisturbed
reference, and nothing is left that somebody would have to clear away.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import nullcontext

import pytest
from cli_tools import left_over

import bench
from bench.errors import BenchError
from bench.job import execute as runner
from bench.results import lease
from bench.results.hashes import hashes
from bench.results.names import LOG
from bench.results.record import Record
from bench.results.store import Store

RUNS, WORKERS, SEED = 200, 8, 1
EVERY, AT_LEAST = (0.5, 1.5), 3
"""Seconds between two kills, and the runs that are done between them."""
LIMIT = 3000.0
OPTIONS = {
    "task": "copy", "task.held_out": 10, "task.delay": 3, "model.hidden": 8, "model.dropout": 0.3, "cell": "gru",
    "budget.steps": 12, "evaluations": 2, "checkpoint.steps": 3, "hardware.device": "cpu", "measure.seconds": 0.001,
}  # fmt: skip

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def work(results, order):
    """What a worker does: the members in an order of its own, then those that other workers had."""
    words = [f"{name}={value}" for name, value in OPTIONS.items()]
    try:
        bench.sweep(*words, seed=order, results_dir=results)
    except (BenchError, OSError):  # the disk is full
        return 3
    return 0


def a_worker(results, start):
    """A worker which begins with the seed `start` and leaves out those that are done by now."""
    known = {json.loads(path.read_text())["seed"] for path in records_in(results)}
    return in_a_fork(results, [seed % RUNS for seed in range(start, start + RUNS) if seed % RUNS not in known])


def in_a_fork(results, order):
    """A worker in a process of its own, which has everything loaded as it begins."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            code = work(results, order) if order else 0
        finally:
            os._exit(code)
    return child


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk that can be filled")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk):
    """Fill the disk to its last byte; the file that does."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**16))
        except OSError:
            pass
    return filler


def test_two_hundred_runs_by_eight_workers_that_are_killed_are_done_once_each(disk, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.5)
    monkeypatch.setattr(runner, "turn", nullcontext)
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    draw, results = random.Random(SEED), disk / "results"
    reference = undisturbed(tmp_path / "reference")
    workers = {a_worker(results, place * RUNS // WORKERS) for place in range(WORKERS)}
    ended, kills, filler, was_full, began = Counter(), 0, None, 0.0, time.monotonic()
    next_kill, last_kill = began + 1, 0
    while workers:
        now = time.monotonic()
        assert now - began < LIMIT, f"{done(results)} of {RUNS} after {now - began:.0f} s"
        gone, status = os.waitpid(-1, os.WNOHANG)
        if gone:
            workers.discard(gone)
            ended[os.waitstatus_to_exitcode(status)] += 1
            if status:
                workers.add(a_worker(results, draw.randrange(RUNS)))
        elif now >= next_kill:
            so_far, next_kill = done(results), now + draw.uniform(*EVERY)
            if last_kill + AT_LEAST <= so_far < RUNS:  # on a slow machine nobody would come to anything
                os.kill(draw.choice(sorted(workers)), signal.SIGKILL)
                kills, last_kill = kills + 1, so_far
            if not was_full and so_far > RUNS // 3:
                filler, was_full = fill(disk), now
        if filler and now > was_full + 5:
            filler.unlink()
            filler = None
        time.sleep(0.05)
    seconds, so_far = time.monotonic() - began, done(results)
    assert os.waitpid(in_a_fork(results, [*range(RUNS)]), 0)[1] == 0
    assert so_far == RUNS, "the same sweep finds all done"
    found = check(results, reference)
    print(f"\n{RUNS} runs, {WORKERS} workers, {seconds:.0f} s: {kills} killed, ends of workers {dict(ended)}, {found}")
    assert kills >= 20 and ended[-signal.SIGKILL] == kills and ended[3] and not ended[70]


def undisturbed(results):
    """The scores by seed of runs that nobody disturbs."""
    for worker in [a_worker(results, place * RUNS // 4) for place in range(4)]:
        assert os.waitpid(worker, 0)[1] == 0
    return {record.seed: record.scores for record in all_records(results)}


def all_records(results):
    """Every record in the store; StoreError where one cannot be read. Each run's files are as it stored them."""
    store, records = Store(results), []
    for name in store.names():
        records.append(Record.read(store.runs / name))
        assert hashes(store.runs / name) == records[-1].files
        assert "cannot be read" not in (store.runs / name / LOG).read_text(), "nor did a run meet half a checkpoint"
    return records


def records_in(results):
    """The records of runs that are done."""
    return [path for path in results.glob("runs/[!.]*/record.json") if '"status": "done"' in path.read_text()]


def done(results):
    return len(records_in(results))


def check(results, reference):
    """What a store must be in the end; what there was to see in a line."""
    records = all_records(results)
    by_status = Counter(record.status for record in records)
    assert by_status["done"] == RUNS
    assert {record.seed: record.scores for record in records if record.status == "done"} == reference
    assert [*results.glob("runs/.*.lease")] == [], "no lease is left"
    assert left_over(results) == [], "and no half of anything"
    again = sum(bool(record.attempts) for record in records if record.status == "done")
    return f"records {dict(by_status)}, {again} at a further attempt"
