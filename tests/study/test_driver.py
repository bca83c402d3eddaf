"""Of two sweeps in one folder the second is refused, unless the process that drives the first has ended."""

import os
import signal
import sys
from contextlib import contextmanager

import pytest
from cli_tools import COPY, bench, records, start, the_line
from elsewhere import DEAD, ELSEWHERE, a_lease, beat

from bench.results.lease import Lease, Watch, acquire, leases
from bench.study import driver

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks and process ids are as Linux has them")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "sweep"


@pytest.fixture
def command(tmp_path, place, monkeypatch):
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    monkeypatch.setattr(driver, "sleep", lambda _: pytest.fail("nobody is to wait"))
    return ("-m", *COPY, "seed=0,1", f"results_dir={tmp_path}", f"hydra.sweep.dir={place}")


@contextmanager
def another_process(place):
    """Another process that drives a sweep in the folder; its number."""
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        lease = acquire(place, "sweep", Watch())
        os.write(done, b"1" if isinstance(lease, Lease) else b"0")
        signal.pause()
    assert os.read(ready, 1) == b"1"
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_second_sweep_is_refused_in_a_line_that_names_the_first(capsys, command, place, tmp_path):
    with another_process(place) as other:
        said = bench(capsys, *command)
    assert said.code == 2
    assert the_line(said).startswith(f"hydra.sweep.dir={place}: process {other} on ")
    assert records(tmp_path) == []
    assert not (place / "sweep.json").exists(), "what status shows is the first one's"


def test_that_of_a_driver_which_was_killed_is_taken_over_at_once_and_given_back(capsys, command, place):
    with another_process(place):
        pass
    assert len(leases(place, "sweep")) == 1
    said = bench(capsys, *command)
    assert (said.code, "2 of 2 runs done" in said.out, said.err) == (0, True, "")
    assert leases(place, "sweep") == {}


def test_a_driver_on_another_machine_is_told_by_a_change_of_its_lease(capsys, command, place, monkeypatch):
    theirs = a_lease(place, "sweep", ELSEWHERE)
    looks = []

    def later(_):
        looks.append(1)
        if len(looks) == 3:
            beat(theirs)

    monkeypatch.setattr(driver, "sleep", later)
    said = bench(capsys, *command)
    assert (said.code, len(looks)) == (2, 3)
    looking, refused = said.err.splitlines()
    assert looking.startswith("bench: process 12 on elsewhere drove a sweep in ")
    assert "process 12 on elsewhere drives a sweep in this folder: wait for its end" in refused


def test_or_by_two_minutes_without_one(capsys, command, place, monkeypatch):
    a_lease(place, "sweep", ELSEWHERE)
    clock = iter(range(0, 10_000, 50)).__next__
    monkeypatch.setattr(driver, "Watch", lambda: Watch(clock))
    monkeypatch.setattr(driver, "sleep", lambda _: None)
    said = bench(capsys, *command)
    assert (said.code, "2 of 2 runs done" in said.out) == (0, True)
    assert leases(place, "sweep") == {}


def test_further_rounds_are_the_same_driver_s(place):
    with driver.Driver() as one:
        one.begin(place)
        one.begin(place)
        assert [*leases(place, "sweep")] == [1]
    assert leases(place, "sweep") == {}


def test_one_that_was_left_is_named_by_gc(capsys, tmp_path):
    (tmp_path / "runs").mkdir()
    left = a_lease(tmp_path / "sweeps" / "one", "sweep", DEAD)
    a_lease(tmp_path / "sweeps" / "two", "sweep", ELSEWHERE)
    said = bench(capsys, "gc", "--yes", f"results_dir={tmp_path}")
    assert (said.code, str(left) in said.out, "removed 1" in said.out) == (0, True, True)
    assert [*tmp_path.glob("sweeps/*/.sweep.*.lease")] == [tmp_path / "sweeps" / "two" / left.name]


@pytest.mark.slow
def test_two_commands_at_the_same_time_are_one_sweep(tmp_path):
    words = ("-m", *COPY, "seed=0,1", "budget.steps=60", f"results_dir={tmp_path / 'r'}", "hydra.sweep.dir=place")
    commands = [start(*words, folder=tmp_path) for _ in range(2)]
    said = [(command.communicate(timeout=300), command.returncode) for command in commands]
    assert sorted(code for _, code in said) == [0, 2], said
    ((_, err),) = [texts for texts, code in said if code == 2]
    assert f"process {next(each.pid for each in commands if each.returncode == 0)} on " in err
    assert [record["seed"] for record in records(tmp_path / "r")] == [0, 1]
