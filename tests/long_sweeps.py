"""Sweeps on clusters: the runs that take a while, what they come to, and what must be the same wherever they run."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from cli_tools import ROOT, TINY, records

from bench.config.sweeps.jobs import Jobs
from bench.results.owner import Owner
from bench.study.fate import fates, owner_of

TWELVE = (*TINY, "task=copy,parity", "cell=vanilla,lstm,gru", "seed=0,1", "task.held_out=20")
LONG = (
    "task=copy", "task.held_out=20", "model.hidden=8", "budget.steps=4000", "evaluations=40", "measure.seconds=0.01",
    "checkpoint.steps=200", "unroll=eager",
)  # fmt: skip


def undisturbed(folder: Path) -> dict[str, object]:
    """The scores of a long run that nobody disturbs."""
    subprocess.run([sys.executable, "-m", "bench", *LONG, f"results_dir={folder}"], cwd=ROOT, check=True)
    (record,) = records(folder)
    return record["scores"]


def sweep(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """A sweep in a process of its own."""
    command = [sys.executable, "-m", "bench", "-m", *words, f"results_dir={folder}"]
    return subprocess.Popen(command, cwd=ROOT, env=variables(environment), stdout=-1, stderr=-1, text=True)


def variables(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a sweep."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def scores(folder: Path) -> list[tuple[str, ...]]:
    """The rows of the leaderboard, without what a machine's speed decides."""
    with (folder / "leaderboard.csv").open() as file:
        rows = [*csv.DictReader(file)]
    return sorted(tuple(row[name] for name in ("task", "cell", "seeds", "score", "valid", "done")) for row in rows)


def until_it_trains(folder: Path, count: int = 1, seconds: float = 400) -> None:
    """Until so many runs have logged some of their validations."""
    until = time.monotonic() + seconds
    while sum(log.read_text().count("\n") > 8 for log in folder.glob("runs/.*.partial/run.log")) < count:
        assert time.monotonic() < until, [*folder.rglob("*")]
        time.sleep(0.2)


def kill_worker(folder: Path, seed: int) -> Owner:
    """Kill the process of the member with this seed, and say which it was."""
    (sweep,) = folder.glob("sweeps/*")
    (fate,) = [each for each in fates(sweep, "") if each["said"].endswith(f"seed={seed}")]
    owner = owner_of(fate)
    assert owner is not None, "it has ended"
    os.kill(owner.pid, signal.SIGKILL)
    return owner


def without_the_cell_of_seed_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no member with seed 0 be composed where it runs."""
    composed = Jobs._composed

    def on_that_node(jobs: Jobs, overrides: list[str]) -> object:
        if "seed=0" in overrides:
            raise LookupError("Could not find 'cell/star'")
        return composed(jobs, overrides)

    monkeypatch.setattr(Jobs, "_composed", on_that_node)
