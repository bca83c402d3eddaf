"""A sweep whose processes are killed, as where memory runs out, goes on and ends in its tables, and says who died."""

import os
import re
import signal
import time
from concurrent.futures.process import BrokenProcessPool

import pytest
from cli_tools import COPY, bench, records, start
from hydra.core.plugins import Plugins

from bench.job import execute as runner
from bench.study import sweep as study

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


class Killed(BaseException):
    """What ends a member's process, in tests that have one process."""


@pytest.fixture
def launcher(monkeypatch):
    """A launcher that gives up all members where a process is killed, as joblib's does."""
    launch = Plugins.instance().class_name_to_class[BASIC].launch

    def given_up(self, *arguments, **options):
        try:
            return launch(self, *arguments, **options)
        except Killed:
            raise BrokenProcessPool("A worker process was unexpectedly terminated") from None

    monkeypatch.setattr(Plugins.instance().class_name_to_class[BASIC], "launch", given_up)
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)


def kill(monkeypatch, *seeds):
    """Have the processes of members with these seeds killed."""
    execute = study.execute

    def killed(options, listener):
        if options.config.seed in seeds:
            raise Killed
        return execute(options, listener)

    monkeypatch.setattr(study, "execute", killed)


def test_the_others_run_and_the_tables_and_the_dead_are_named(capsys, monkeypatch, launcher, tmp_path):
    kill(monkeypatch, 1)
    said = bench(capsys, "-m", *COPY, "seed=0,1,2,3", f"results_dir={tmp_path}")
    assert said.code == 1
    assert "3 of 4 runs done; tables of all runs in " in said.out
    assert (tmp_path / "leaderboard.csv").exists()
    assert re.fullmatch(r"bench: member 2/4 interrupted: its process was killed, .* seed=1\)\n", said.err)
    assert sorted(record["seed"] for record in records(tmp_path)) == [0, 2, 3]


def test_the_same_command_goes_on_with_the_dead_in_a_folder_of_any_name(capsys, monkeypatch, launcher, tmp_path):
    place = f"hydra.sweep.dir='{tmp_path / 'a sweep (1)'}'"
    command = ("-m", *COPY, "seed=0,1", f"results_dir={tmp_path}", place)
    with monkeypatch.context() as patch:
        kill(patch, 0)
        assert bench(capsys, *command).code == 1
    said = bench(capsys, *command)
    assert said.code == 0
    assert "2 of 2 runs done" in said.out


def test_fates_of_an_earlier_sweep_in_the_same_folder_are_not_taken_for_its_own(
    capsys, monkeypatch, launcher, tmp_path
):
    command = ("-m", *COPY, "seed=0,1", f"results_dir={tmp_path}", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    assert bench(capsys, *command).code == 0
    kill(monkeypatch, 0, 1)
    said = bench(capsys, *command, "rerun=true")
    assert said.code == 1
    assert "0 of 2 runs done" in said.out


def test_where_no_member_begins_it_ends(capsys, monkeypatch, tmp_path):
    def gives_up(*_, **__):
        raise BrokenProcessPool("killed")

    monkeypatch.setattr(Plugins.instance().class_name_to_class[BASIC], "launch", gives_up)
    said = bench(capsys, "-m", *COPY, "seed=0,1", f"results_dir={tmp_path}", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    assert said.code == 1
    assert said.err == "bench: 2 more did not begin; the same command runs them\n"


@pytest.mark.parametrize("half", ["", '{"id": "copy', "null"])
def test_half_a_fate_is_none(tmp_path, half):
    (tmp_path / "runs").mkdir()
    member = tmp_path / "sweeps" / "now" / "0"
    member.mkdir(parents=True)
    (member / "run.json").write_text(half)
    ended = study.finish(member.parent)
    assert (ended.members, ended.not_begun, ended.done) == (1, 1, 0)


@pytest.mark.slow
def test_a_joblib_worker_that_is_killed_ends_in_tables(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command = ("-m", *COPY, "budget.steps=100", "seed=0,1,2,3", *launcher)
    with start(*command, folder=tmp_path) as process:
        while not (begun := list(tmp_path.glob("results/runs/.*.partial/run.log"))):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        os.kill(int(begun[0].parent.name.split(".")[-3]), signal.SIGKILL)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Traceback" not in err
    done = int(re.search(r"(\d) of 4 runs done; tables of all runs in ", out)[1])
    assert done >= 2, "those that had not begun were run"
    assert err.count("its process was killed") == 4 - done >= 1
    with start(*command, folder=tmp_path) as process:
        out, err = process.communicate(timeout=300)
    assert (process.returncode, "4 of 4 runs done" in out) == (0, True)
