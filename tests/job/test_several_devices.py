"""One run on two devices: what it computes is what one device computes, and what cannot be split is refused.

All that two processes do is done in one start of them (`ranks_at_work.py`).
"""

import os
import socket
import subprocess

import pytest
import torch
from cli_tools import ROOT, bench, left_over, records, the_line
from ranks_at_work import FITS, REFUSED, Ragged, diverged, fit, options_of, start
from tiny import a_config, truncated

from bench.config.compose import compose
from bench.hardware.ranks import ALONE, Ranks
from bench.job.build import build
from bench.job.execute import execute

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder in which two processes have worked, and what they made."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = start(folder, port)
    said = [process.communicate(timeout=300) for process in processes]
    assert processes[0].returncode == 0, said[0][1]
    assert processes[1].returncode == -9, said[1][1]  # the last thing is that it is killed
    assert [out for out, _ in said] == ["", ""]
    return folder, torch.load(folder / "made.pt", weights_only=False)


def assert_close(ours, theirs, apart):
    assert ours["step"] == theirs["step"]
    assert ours["clipped"] == theirs["clipped"]
    for name, weight in theirs["latest"].items():
        torch.testing.assert_close(ours["latest"][name], weight, rtol=apart, atol=apart)
    assert len(ours["curve"]) == len(theirs["curve"])
    for row, other in zip(ours["curve"], theirs["curve"], strict=True):
        assert row == pytest.approx(other, rel=apart, abs=apart, nan_ok=True)


@pytest.mark.parametrize("name", FITS)
def test_two_devices_train_the_weights_of_one(name, made):
    go_on, options = FITS[name]
    one = fit(Ragged(go_on), options)
    assert_close(made[1]["fits"][name], one, 1e-5 if name == "float32" else 1e-10)


def test_the_trainings_clip_some_updates_and_move_the_weights(made):
    fits = made[1]["fits"]
    assert all(fits[name]["clipped"] > 0 for name in fits if name != "sum")
    assert fits["plateau, patience"]["step"] < 8, "patience ends it early"
    assert len({str(each["latest"]) for each in fits.values()}) == len(fits) - 1, "recomputed is full"


def test_noise_is_drawn_anew_on_each_device_and_goes_on_to_the_last_bit(made):
    whole, gone_on = made[1]["noise"], made[1]["gone on"]
    assert made[1]["cut at"] == 4
    assert all(torch.equal(weight, gone_on["latest"][name]) for name, weight in whole["latest"].items())
    assert whole["curve"][-1] == gone_on["curve"][-1]


def test_a_killed_process_leaves_checkpoints_from_which_one_device_goes_on(made):
    folder, work = made
    assert work["killed"].startswith("interrupted: another process of the run has ended; the same command goes on")
    assert [*(folder / "killed").glob("*")], "there are checkpoints"
    gone_on, whole = (fit(Ragged(), {"bptt": truncated(3)}, folder=place) for place in (folder / "killed", None))
    assert_close({**gone_on, "curve": []}, {**whole, "curve": []}, 1e-10)


def test_a_loss_that_is_no_number_on_one_device_ends_all_at_that_step(made):
    line = diverged()
    assert line == "the training loss became nan at step 3"
    assert [made[1]["diverged"], *(other["diverged"] for other in made[1]["others"])] == [line, line]


def test_the_clock_of_the_first_process_says_when_the_time_is_over(made):
    assert made[1]["timed"] == 5


def test_weights_that_differ_end_all(made):
    work = made[1]
    assert "the weights of processes 0 and 1 differ to the last bit" in work["other weights"]
    assert [other["other weights"] for other in work["others"]] == [work["other weights"]]
    assert work["same weights"] == "agreed"


def test_each_device_draws_noise_of_its_own_and_one_device_what_it_always_drew():
    drawn = []
    for ranks in (ALONE, Ranks(0, 2), Ranks(1, 2)):
        build(a_config(), Ragged(), ranks=ranks)
        drawn.append(torch.rand(3).tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_run_of_two_devices_has_the_scores_of_one_and_says_what_it_was_made_on(made, tmp_path):
    record = made[1]["run"]
    one = execute(compose([*options_of(), f"results_dir={tmp_path}"]))
    assert record.status == "done"
    assert record.scores["test"] == pytest.approx(one.scores["test"], rel=1e-5)
    assert record.labels["hardware"] == f"2x {one.labels['hardware']}"
    assert record.identity != one.identity
    assert record.machine["devices"] == 2
    assert record.machine["as_one_device"] == "to rounding"
    assert "as_one_device" not in one.machine
    assert made[1]["noisy run"].machine["as_one_device"] == "statistically: it draws other noise"
    assert record.speed["train_tokens_per_s"]["median"] > 0
    assert record.memory["peak_mib"] < one.memory["peak_mib"], "each device has half of the lanes"


def test_two_devices_leave_one_record_and_find_it_done(made):
    folder, work = made
    assert len([*(folder / "results" / "runs").glob("[!.]*")]) == 2  # the other one is the noisy run
    assert left_over(folder / "results") == []
    assert work["run again"] == work["run"]
    assert [other["run"] for other in work["others"]] == [work["run"]], "each process knows the record"


@pytest.mark.form_by_rule  # by which its processes took theirs
def test_a_record_of_two_devices_follows_from_what_it_states(made, capsys):
    said = bench(capsys, "verify", str(made[0] / "results" / "runs" / made[1]["run"].id), "--rerun")
    assert said.code == 0, said.out
    assert "not run again: it was of 2 devices" in said.out


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_split_is_refused_in_a_line_by_the_first_process_alone(words, made):
    line = made[1]["refused"][words]
    assert line.startswith("2 ")
    assert REFUSED[words] in line
    assert [other["refused"][words] for other in made[1]["others"]] == [2]


def test_the_command_under_torchrun_says_all_once_and_leaves_one_record(tmp_path):
    said = subprocess.run(
        ["torchrun", "--nproc-per-node=2", "-m", "bench", *options_of()],
        **{"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 300},
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert said.returncode == 0, said.stderr
    (record,) = records(tmp_path / "results")
    assert said.stdout.count(": done after") == said.stdout.count(record["id"]) == 1
    assert said.stderr.count("measuring speed and memory") == 1
    assert ", 2x " in said.stdout


@pytest.fixture
def under_torchrun(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "RANK": 0}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("LOCAL_RANK", "0")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("-m task=copy seed=0,1", "-m: torchrun has started 2 processes"),
        ("task=copy seed=0,1 --multirun", "--multirun: torchrun"),
        ("leaderboard", "leaderboard: torchrun has started 2 processes"),
        ("speed cell=gru", "speed: torchrun has started 2 processes"),
    ],
)
def test_sweeps_and_verbs_are_refused_under_torchrun_in_a_line(words, named, under_torchrun, capsys, monkeypatch):
    said = bench(capsys, *words.split())
    assert said.code == 2
    assert the_line(said).startswith(named)
    monkeypatch.setenv("LOCAL_RANK", "1")
    said = bench(capsys, *words.split())
    assert said == (2, "", ""), "one process says it"


def test_a_program_that_torchrun_starts_is_told_to_use_the_command(under_torchrun, tmp_path):
    with pytest.raises(ValueError, match="torchrun --nproc-per-node=2 -m bench"):
        execute(compose([*options_of(), f"results_dir={tmp_path}"]))
    assert [*tmp_path.iterdir()] == []
