"""A sweep in several processes that is asked to stop: its members save where they stand, and no other begins."""

import itertools
import os
import signal
import subprocess
import time

import pytest
from cli_tools import COPY, records, start
from factories import a_record

from bench.config.options import AGAIN, Member, Options
from bench.config.schema import Config
from bench.job.listener import Listener
from bench.results.owner import Owner
from bench.study import fate
from bench.study.stop import Stop, is_stopped
from bench.study.sweep import run_member

HERE = Owner.this_process()
pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to send")


def a_member(folder, number=1):
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    return Options(Config(results_dir=str(folder)), {}, {}, Member(number, 2, place))


@pytest.fixture
def stop(tmp_path, monkeypatch):
    """What takes requests for the sweep in the folder, on a clock where each comes long after the one before."""
    stop = Stop("this sweep")
    monkeypatch.setattr(stop._requests, "_clock", itertools.count(100.0, 10.0).__next__)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop.begin(tmp_path)
    yield stop
    stop.end()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_members_under_way_are_told_and_no_other_begins(tmp_path, stop):
    with subprocess.Popen(["sleep", "60"]) as ours, subprocess.Popen(["sleep", "60"]) as another_s:
        for number, sweep, process in ((1, "this sweep", ours.pid), (2, "another", another_s.pid)):
            options = a_member(tmp_path, number)
            fate.write(options.member, {**fate.begun(options, sweep), "owner": str(HERE._replace(pid=process))})
        os.kill(os.getpid(), signal.SIGINT)
        assert ours.wait() == -signal.SIGTERM
        assert another_s.poll() is None
        another_s.kill()
    assert stop.asked
    assert is_stopped(tmp_path)
    run_member(a_member(tmp_path, 3), Listener(), "this sweep")
    assert fate.read(tmp_path / "3", "this sweep") is None


def test_a_process_of_that_number_on_this_machine_is_none_of_a_member_on_another(tmp_path, stop):
    with subprocess.Popen(["sleep", "60"]) as ours:
        options = a_member(tmp_path)
        owner = HERE._replace(pid=ours.pid, boot="another")
        fate.write(options.member, {**fate.begun(options, "this sweep"), "owner": str(owner)})
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        assert ours.poll() is None
        ours.kill()


@pytest.mark.parametrize(("restarts", "status", "runs"), [(0, "interrupted", 0), (1, "interrupted", 1), (1, "done", 0)])
def test_a_member_runs_again_where_its_job_was_queued_again(tmp_path, monkeypatch, restarts, status, runs):
    began = []
    monkeypatch.setattr("bench.study.sweep.execute", lambda *_: began.append(1) or a_record())
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    options = a_member(tmp_path)
    fate.write(options.member, {**fate.begun(options, "this sweep"), "status": status, "process": None})
    run_member(options, Listener(), "this sweep")
    assert len(began) == runs


def test_so_does_one_whose_worker_was_lost(tmp_path, monkeypatch):
    began = []
    monkeypatch.setattr("bench.study.sweep.execute", lambda *_: began.append(1) or a_record())
    monkeypatch.setenv(AGAIN, "1")
    options = a_member(tmp_path)
    fate.write(options.member, fate.begun(options, "this sweep"))
    run_member(options, Listener(), "this sweep")
    assert began


def test_members_that_have_ended_are_left_alone(tmp_path, stop):
    options = a_member(tmp_path)
    fate.write(options.member, {**fate.begun(options, "this sweep"), "process": None})
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.asked


def test_a_second_request_acts_at_once(stop):
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_the_next_sweep_in_the_same_folder_is_not_stopped(tmp_path, stop):
    os.kill(os.getpid(), signal.SIGINT)
    Stop("the next").begin(tmp_path)
    assert not is_stopped(tmp_path)


def test_an_interrupted_member_says_so(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.study.sweep.execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_member(a_member(tmp_path), Listener(), "this sweep")
    left = fate.read(tmp_path / "1", "this sweep")
    assert (left["status"], left["reason"], left["process"]) == (
        "interrupted",
        "stopped; the same command goes on with it",
        None,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_members_in_processes_of_a_launcher_save_where_they_stand(tmp_path, number):
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    with start("-m", *COPY, "budget.steps=100000", "seed=0,1,2", *launcher, folder=tmp_path) as process:
        while len(list(tmp_path.glob("results/runs/.*.partial/run.log"))) < 2:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "0 of 3 runs done" in out
    assert "Traceback" not in err
    assert [record["status"] for record in records(tmp_path / "results")] == ["interrupted"] * 2
    assert len({path.parent for path in tmp_path.glob("results/runs/[!.]*/checkpoint-*.pt")}) == 2
