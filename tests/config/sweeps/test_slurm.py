"""A sweep on a real SLURM cluster of two nodes on this machine comes to what it comes to anywhere, whatever is lost.

The tests with a cluster take some minutes: `python -m pytest tests/config/sweeps/test_slurm.py`, as root, with Debian's
packages slurm-wlm and munge.
"""

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_tools import TINY, bench, records, the_line
from long_sweeps import (
    LONG,
    TWELVE,
    kill_worker,
    scores,
    sweep,
    undisturbed,
    until_it_trains,
    without_the_cell_of_seed_0,
)
from slurm_cluster import cluster, is_installed

from bench.config.sweeps import slurm as launcher
from bench.config.sweeps.jobs import Jobs
from bench.config.sweeps.slurm import Queue, SlurmLauncher
from bench.study import sweep as sweeps

on_a_cluster = [pytest.mark.thorough, pytest.mark.skipif(not is_installed(), reason="needs slurm-wlm, munge and root")]
SLURM = "hydra/launcher=slurm"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("slurm")) as one:
        yield one


@pytest.fixture(scope="module")
def the_scores(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


class TestOnACluster:
    pytestmark = on_a_cluster

    def test_a_sweep_of_twelve_has_the_leaderboard_that_it_has_in_one_process(self, slurm, capsys, tmp_path):
        assert bench(capsys, "-m", *TWELVE, f"results_dir={tmp_path / 'here'}").code == 0
        process = sweep(tmp_path / "there", *TWELVE, SLURM, **slurm.environment)
        out, err = process.communicate(timeout=590)
        assert process.returncode == 0, err
        assert "12 of 12 runs done" in out and "submitted 12 jobs to SLURM" in err
        assert scores(tmp_path / "there") == scores(tmp_path / "here")

    def test_a_job_at_the_end_of_its_time_is_queued_again_and_goes_on(self, slurm, tmp_path, the_scores):
        process = sweep(tmp_path, *LONG, SLURM, **slurm.environment)
        until_it_trains(tmp_path)
        (job,) = slurm.says("squeue", "--noheader", "--format", "%i").split()
        slurm.says("scancel", "--signal=USR2", job)  # as SLURM does before the limit
        out, err = process.communicate(timeout=590)
        assert (process.returncode, "1 of 1 runs done" in out) == (0, True), err
        ended = {record["status"]: record for record in records(tmp_path)}
        assert ended.keys() == {"interrupted", "done"}
        assert ended["done"]["scores"] == the_scores
        (log,) = (tmp_path / "runs" / ended["done"]["id"]).glob("run.log")
        assert "going on from the checkpoint after step " in log.read_text()

    def test_so_is_a_run_that_reaches_the_real_limit(self, slurm, tmp_path):
        longer = [word for word in LONG if not word.startswith("budget")]
        words = (*longer, "budget.seconds=110", "hydra.launcher.minutes=2", "hydra.launcher.warning=20")
        process = sweep(tmp_path, *words, SLURM, **slurm.environment)
        out, err = process.communicate(timeout=590)
        assert (process.returncode, "1 of 1 runs done" in out) == (0, True), err
        assert {record["status"] for record in records(tmp_path)} == {"interrupted", "done"}

    def test_a_lost_node_loses_no_run(self, slurm, tmp_path, the_scores):
        process = sweep(tmp_path, *LONG, "seed=0,1", SLURM, **slurm.environment)
        until_it_trains(tmp_path)
        slurm.kill_node("n1")
        try:
            out, err = process.communicate(timeout=590)
        finally:
            slurm.start_node("n1")
        assert (process.returncode, "2 of 2 runs done" in out) == (0, True), err
        assert [record["status"] for record in records(tmp_path)] == ["done", "done"]
        assert next(record for record in records(tmp_path) if record["seed"] == 0)["scores"] == the_scores

    def test_a_killed_process_s_member_is_done_in_another_round(self, slurm, tmp_path, the_scores):
        process = sweep(tmp_path, *LONG, "seed=0,1", "retries=1", SLURM, **slurm.environment)
        until_it_trains(tmp_path, count=2)
        killed = kill_worker(tmp_path, seed=0)
        out, err = process.communicate(timeout=590)
        assert (process.returncode, "2 of 2 runs done" in out) == (0, True), err
        assert err.count("submitted 2 jobs") == err.count("submitted 1 job to") == 1
        ends = {record["seed"]: record for record in records(tmp_path)}
        assert [ends[0]["attempts"], ends[1]["attempts"]] == [[f"killed: {killed.said}"], None]
        assert ends[0]["scores"] == the_scores

    def test_a_sweep_that_is_stopped_saves_what_runs_and_cancels_what_waits(self, slurm, tmp_path):
        process = sweep(tmp_path, *LONG, "seed=range(6)", "hydra.launcher.at_once=1", SLURM, **slurm.environment)
        until_it_trains(tmp_path)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
        assert (process.returncode, err.splitlines()[-1]) == (130, "bench: interrupted")
        assert [record["status"] for record in records(tmp_path)] == ["interrupted"]
        assert slurm.says("squeue", "--noheader", "--jobs", err.split("to SLURM: ")[1].split()[0]) == ""


class Killed(BaseException):
    """What ends a member in the middle, as where its process is killed."""


class FakeExecutor:
    """submitit's executor, whose jobs run in this process as they are submitted."""

    def __init__(self, folder):
        self.folder, self.arrays = folder, []

    def map_array(self, function, *columns):
        members = [*zip(*columns, strict=True)]
        self.arrays.append([number for _, number, _ in members])
        return [self._job(function, *arguments) for arguments in members]

    def _job(self, function, jobs, number, overrides):
        array = len(self.arrays)
        result, error, job = self.folder / f"{array}_{number}", None, SimpleNamespace(job_id=f"{array}_{number}")
        try:
            returned = function(jobs, number, overrides)
            result.touch()
            job.result = lambda: returned
        except Killed:
            pass
        except Exception as raised:
            error = f"Traceback\n{type(raised).__name__}: {raised}"
            result.touch()
        job.exception = lambda: error
        job.paths = SimpleNamespace(result_pickle=result, stderr="its.err")
        return job


@pytest.fixture
def given(monkeypatch, capsys, tmp_path):
    """A sweep over two seeds by a SLURM that is none, whose nodes are this process; the numbers of each array."""

    def given(*words):
        said = bench(capsys, "-m", *TINY, "task=copy", "seed=0,1", SLURM, *words, f"results_dir={tmp_path / 'results'}")
        return said, executor.arrays

    executor = FakeExecutor(tmp_path)
    monkeypatch.setattr(SlurmLauncher, "_executor", lambda *_: executor)
    monkeypatch.setattr(Jobs, "arrive", lambda _: None)
    monkeypatch.setattr(Queue, "tasks", lambda _: set())
    monkeypatch.setattr(launcher, "_LOOK", 0.0)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    return given


@pytest.mark.parametrize(("retries", "arrays"), [(0, [[0, 1]]), (1, [[0, 1], [0]])])
def test_a_member_whose_process_was_killed_has_another_array_where_retries_leave_one(
    given, monkeypatch, retries, arrays
):
    """And those that have ended are in no other array."""
    execute = sweeps.execute
    monkeypatch.setattr("bench.study.sweep.execute", lambda *given: left.pop()() if left else execute(*given))

    def killed():
        raise Killed

    left = [killed]
    said, submitted = given(f"retries={retries}")
    assert (said.code, submitted) == (1 - retries, arrays)
    assert f"{1 + retries} of 2 runs done" in said.out


def test_a_node_that_cannot_compose_a_member_is_named_and_the_others_run(given, monkeypatch):
    """As where a plugin is installed on some nodes alone."""
    without_the_cell_of_seed_0(monkeypatch)
    said, _ = given()
    assert (said.code, "1 of 2 runs done" in said.out) == (1, True)
    assert "job 1_0: LookupError: Could not find 'cell/star' (see its.err)" in said.err


def command(folder: Path, name: str, script: str) -> None:
    """A command of SLURM's as the test has it."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "tasks"),
    [
        ("echo 7_0; echo 7_1", {"7_0", "7_1"}),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", set()),
        ("echo 'Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_a_queue_that_does_not_answer_has_lost_nobody(monkeypatch, tmp_path, script, tasks):
    command(tmp_path, "squeue", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert Queue("7").tasks() == tasks


def test_a_machine_without_slurm_is_told_in_a_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = the_line(bench(capsys, "-m", *TINY, "task=copy", SLURM, f"results_dir={tmp_path / 'results'}"))
    assert "has no command srun" in said and "hydra/launcher=joblib" in said


def test_jobs_that_slurm_refuses_are_told_in_a_line(capsys, monkeypatch, tmp_path):
    command(tmp_path, "srun", "exit 0")
    command(tmp_path, "sbatch", "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    words = (*TINY, "task=copy", SLURM, "hydra.launcher.partition=nowhere", f"results_dir={tmp_path / 'results'}")
    said = bench(capsys, "-m", *words)  # sbatch itself says it, too
    assert said.code == 2 and "invalid partition specified: nowhere" in said.err.splitlines()[-1]
