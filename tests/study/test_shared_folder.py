"""Sweeps that share a results folder, as a user starts them: no run is done twice, and none is lost."""

import os
import signal
import sys
import time

import pytest
from cli_tools import COPY, bench, left_over, records, start, write_cell
from elsewhere import ELSEWHERE, a_lease

from bench.config.compose import compose
from bench.job import had
from bench.job.prepared import prepare

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks and process ids are as Linux has them")
SWEEP = ("-m", *COPY, "seed=0,1,2")


def leases(folder):
    return [*folder.glob("runs/.*.lease")]


def test_a_sweep_goes_on_with_others_and_comes_back_to_a_run_of_another_machine(capsys, monkeypatch, tmp_path):
    base = prepare(compose([*COPY, "seed=0", f"results_dir={tmp_path}"])).stem
    theirs = a_lease(tmp_path / "runs", base, ELSEWHERE)
    monkeypatch.setattr(had, "sleep", lambda _: theirs.unlink())
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    said = bench(capsys, *SWEEP, f"results_dir={tmp_path}")
    assert said.code == 0
    lines = [line for line in said.out.splitlines() if line.startswith("[")]
    assert lines[0] == "[1/3] left for later: process 12 on elsewhere does this run"
    assert [line[:5] for line in lines] == ["[1/3]", "[2/3]", "[3/3]", "[1/3]"]
    assert "[1/3] process 12 on elsewhere does this run: waiting for its end; where nothing" in said.err
    assert "3 of 3 runs done" in said.out
    assert (len(records(tmp_path)), leases(tmp_path)) == (3, [])


def test_a_node_without_a_plugin_fails_its_members_by_name_and_runs_the_others(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    sweep = ("-m", *COPY, "cell=gru,custom", "cell.target=mine.py:Mine", "results_dir=results")
    said = bench(capsys, *sweep)
    assert said.code == 1
    assert "1 of 2 runs done" in said.out
    assert "mine.py" in said.err and "custom" in said.err
    write_cell(tmp_path, "pass")
    said = bench(capsys, *sweep)
    assert (said.code, "2 of 2 runs done" in said.out) == (0, True)


@pytest.mark.slow
def test_two_drivers_on_one_folder_do_each_run_once(tmp_path):
    commands = [start(*SWEEP, "budget.steps=60", f"results_dir={tmp_path / 'r'}", folder=tmp_path) for _ in range(2)]
    said = [command.communicate(timeout=300) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], said
    assert all("3 of 3 runs done" in out for out, _ in said)
    assert [record["seed"] for record in records(tmp_path / "r")] == [0, 1, 2]
    assert leases(tmp_path / "r") == left_over(tmp_path / "r") == []


@pytest.mark.slow
def test_after_a_driver_is_killed_the_same_command_does_what_is_left(tmp_path):
    here, sweep = f"results_dir={tmp_path / 'r'}", (*SWEEP, "budget.steps=300", "checkpoint.steps=20")
    with start(*sweep, here, folder=tmp_path) as driver:
        while not [*tmp_path.glob("r/runs/.*.partial/checkpoint-*.pt")]:
            assert driver.poll() is None, driver.stderr.read()
            time.sleep(0.02)
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate()
    assert len(leases(tmp_path / "r")) == 1
    with start(*sweep, here, folder=tmp_path) as driver:
        out, err = driver.communicate(timeout=300)
    assert (driver.returncode, "3 of 3 runs done" in out) == (0, True), err
    found = records(tmp_path / "r")
    assert [record["status"] for record in found] == ["done"] * 3
    assert [len(record["attempts"] or []) for record in found] == [1, 0, 0]
    assert found[0]["attempts"][0].startswith("killed: process ")
    assert leases(tmp_path / "r") == left_over(tmp_path / "r") == []
