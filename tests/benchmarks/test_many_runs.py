"""The time to make a frame of 20,000 runs and to filter it, in processor time of one process.

    python -m pytest tests/benchmarks/test_many_runs.py -s

It is to stay below 2 s.
"""

import itertools
import time

from factories import a_row

from bench.tables import runs as module

RUNS, MOST = 20_000, 2.0  # MOST in seconds


def test_twenty_thousand_runs_are_filtered_in_a_moment(monkeypatch):
    labels = itertools.cycle(["gru", "gru(model.hidden=64)", "lstm"])
    many = [a_row(seed=seed, cell=cell) for seed, cell in zip(range(RUNS), labels, strict=False)]
    monkeypatch.setattr(module, "read", lambda *_: many)
    started = time.process_time()
    module.find_runs(where={"cell": "gru", "task": "copy", "status": "done"})
    spent = time.process_time() - started
    print(f"{spent:.2f} s")
    assert spent < MOST
