"""A sweep whose processes are killed, as where memory runs out, goes on and ends in its tables, and says who died."""

import math
import os
import re
import signal
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from threading import Timer

import pytest
from cli_tools import COPY, bench, records, start, the_line
from hydra.core.utils import JobReturn

from bench.config.sweeps.joblib import JoblibLauncher
from bench.errors import StoreError
from bench.job import execute as runner
from bench.results.owner import Owner
from bench.study import sweep as study

JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


class Killed(BaseException):
    """What ends a member's process, in tests that have one process."""


class Pool:
    """A pool of one process that is this one: it is broken once a member of it was killed."""

    def __init__(self, workers, initializer, initargs, env):
        assert workers == 1, "loky ends all processes of a pool where one is killed"
        self.begin, self.is_broken = lambda: initializer(*initargs), False

    def submit(self, function, *arguments):
        future = Future()
        try:
            assert not self.is_broken
            self.begin()
            future.set_result(function(*arguments))
        except Killed:
            self.is_broken = True
            future.set_exception(BrokenProcessPool("A worker process was unexpectedly terminated"))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, kill_workers):
        assert kill_workers


@pytest.fixture
def launcher(monkeypatch):
    """The launcher joblib, whose processes are this one."""
    monkeypatch.setattr("joblib.externals.loky.ProcessPoolExecutor", Pool)
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)


def kill(monkeypatch, *seeds):
    """Have the processes of members with these seeds killed."""
    execute = study.execute

    def killed(options, listener, wait):
        if options.config.seed in seeds:
            raise Killed
        return execute(options, listener, wait)

    monkeypatch.setattr(study, "execute", killed)


def test_the_others_run_and_the_tables_and_the_dead_are_named(capsys, monkeypatch, launcher, tmp_path):
    kill(monkeypatch, 1)
    said = bench(capsys, "-m", *COPY, *JOBLIB, "seed=0,1,2,3", f"results_dir={tmp_path}")
    assert said.code == 1
    assert "3 of 4 runs done; tables of all runs in " in said.out
    assert (tmp_path / "leaderboard.csv").exists()
    assert re.fullmatch(r"bench: member 2/4 interrupted: its process was killed, .* seed=1\)\n", said.err)
    assert sorted(record["seed"] for record in records(tmp_path)) == [0, 2, 3]


def test_a_sweeper_that_searches_has_no_score_of_the_dead(capsys, monkeypatch, launcher, tmp_path):
    """Nor of those that have ended, in a further round: it asks for a number, and gets NaN."""
    kill(monkeypatch, 1)
    launch, scores = JoblibLauncher.launch, []

    def noted(*given, **named):
        returned = launch(*given, **named)
        scores.append([job.return_value for job in returned])
        return returned

    monkeypatch.setattr(JoblibLauncher, "launch", noted)
    bench(capsys, "-m", *COPY, *JOBLIB, "seed=0,1", f"results_dir={tmp_path}")
    ((alive, dead),) = scores
    assert 0 <= alive <= 1 and math.isnan(dead)


def test_the_same_command_goes_on_with_the_dead_in_a_folder_of_any_name(capsys, monkeypatch, launcher, tmp_path):
    place = f"hydra.sweep.dir='{tmp_path / 'a sweep (1)'}'"
    command = ("-m", *COPY, *JOBLIB, "seed=0,1", f"results_dir={tmp_path}", place)
    with monkeypatch.context() as patch:
        kill(patch, 0)
        assert bench(capsys, *command).code == 1
    said = bench(capsys, *command)
    assert said.code == 0
    assert "2 of 2 runs done" in said.out


def test_fates_of_an_earlier_sweep_in_the_same_folder_are_not_taken_for_its_own(
    capsys, monkeypatch, launcher, tmp_path
):
    command = ("-m", *COPY, *JOBLIB, "seed=0,1", f"results_dir={tmp_path}", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    assert bench(capsys, *command).code == 0
    kill(monkeypatch, 0, 1)
    said = bench(capsys, *command, "rerun=true")
    assert said.code == 1
    assert "0 of 2 runs done" in said.out


def test_where_no_member_begins_it_ends(capsys, launcher, monkeypatch, tmp_path):
    def killed(*_):
        raise Killed

    monkeypatch.setattr("bench.config.sweeps.joblib._begin", killed)
    said = bench(capsys, "-m", *COPY, *JOBLIB, "seed=0,1", f"results_dir={tmp_path}")
    assert said.code == 1
    assert said.err == "bench: 2 more did not begin; the same command runs them\n"


def test_what_keeps_a_member_from_beginning_ends_the_sweep_after_those_that_are_under_way(
    capsys, launcher, monkeypatch, tmp_path
):
    """As where the results folder is away and does not return: no other process is killed for it."""
    begun, failed, later, had_ended = [], Future(), Future(), []
    failed.set_exception(StoreError("the folder is away"))

    def submit(pool, function, number, overrides):
        begun.append(number)
        if number == 0:
            Timer(0.2, later.set_result, [JobReturn()]).start()
        return failed if number == 0 else later

    monkeypatch.setattr(Pool, "submit", submit)
    monkeypatch.setattr(Pool, "shutdown", lambda pool, kill_workers: had_ended.append(later.done()))
    said = bench(capsys, "-m", *COPY, *JOBLIB, "seed=0,1,2,3", f"results_dir={tmp_path}")
    assert (said.code, the_line(said), begun) == (1, "the folder is away", [0, 1])
    assert had_ended == [True, True]


def test_as_many_processes_as_cores_for_their_threads(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    counts = {n: [JoblibLauncher(n_jobs=n)._count(threads) for threads in (1, 2, 16)] for n in (-1, -2, 3)}
    assert counts == {-1: [8, 4, 1], -2: [7, 3, 1], 3: [3, 3, 3]}


def test_no_process_at_all_is_refused(capsys, tmp_path):
    words = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=0", f"results_dir={tmp_path}")
    assert "hydra.launcher.n_jobs=0: give how many" in the_line(bench(capsys, "-m", *COPY, *words))


@pytest.mark.parametrize("half", ["", '{"id": "copy', "null"])
def test_half_a_fate_is_none(tmp_path, half):
    (tmp_path / "runs").mkdir()
    member = tmp_path / "sweeps" / "now" / "0"
    member.mkdir(parents=True)
    (member / "run.json").write_text(half)
    ended = study.finish(member.parent)
    assert (ended.members, ended.not_begun, ended.done) == (1, 1, 0)


@pytest.mark.slow
def test_a_process_that_is_killed_takes_its_own_member_alone(tmp_path):
    command = ("-m", *COPY, "budget.steps=100", "seed=0,1,2,3", *JOBLIB)
    with start(*command, folder=tmp_path) as process:
        while len(begun := list(tmp_path.glob("results/runs/.*.partial/run.log"))) < 2:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        os.kill(int(begun[0].parent.name.split(".")[-3]), signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "3 of 4 runs done; tables of all runs in " in out, "the other that was under way went on"
    assert err.count("its process was killed") == 1
    with start(*command, folder=tmp_path) as process:
        out, err = process.communicate(timeout=300)
    assert (process.returncode, "4 of 4 runs done" in out) == (0, True)


@pytest.mark.slow
def test_with_retries_it_is_done_in_another_round_and_its_record_says_how_it_ended_before(tmp_path):
    command = ("-m", *COPY, "budget.steps=100", "seed=0,1,2", "retries=1", *JOBLIB)
    with start(*command, folder=tmp_path) as process:
        while not (begun := list(tmp_path.glob("results/runs/.*.partial/run.log"))):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        killed = int(begun[0].parent.name.split(".")[-3])
        os.kill(killed, signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, "3 of 3 runs done" in out, err) == (0, True, "")
    attempts = [record["attempts"] for record in records(tmp_path / "results") if record["attempts"]]
    assert attempts == [[f"killed: process {killed} on {Owner.this_process().host}"]]
