"""The end of a run loses nothing: a signal, a full disk or an error between training and record leaves a checkpoint."""

import errno
import os
import signal

import pytest
from cli_tools import COPY, bench, left_over, records

from bench.job import execute as runner
from bench.results.store import Store
from bench.train import checkpoint
from bench.train.checkpoint import Checkpoints

RUN = (*COPY, "budget.steps=6", "evaluations=2", "hardware.device=cpu")


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    """Measuring takes a second, and changes nothing here."""
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)


@pytest.fixture(autouse=True)
def interruptible():
    """Signals as a terminal's process has them: a shell's background job, as tests may be, is deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def command(capsys, tmp_path):
    """The same run, with further options, in a folder of its own."""
    return lambda *options: bench(capsys, *RUN, *options, f"results_dir={tmp_path}")


def published(results):
    return {run.name: {path.name for path in run.iterdir()} for run in (results / "runs").glob("[!.]*")}


def stops(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)


def at(step, action):
    """A listener's `step` that does `action` once, after the step."""
    return lambda self, progress, *_: action() if progress.steps == step else None


@pytest.mark.parametrize("step", [1, 5, 6])
def test_ctrl_c_saves_where_training_stands_and_the_same_command_goes_on(command, tmp_path, monkeypatch, step):
    with monkeypatch.context() as patch:
        patch.setattr("bench.command.terminal.Terminal.step", at(step, stops))
        assert command().code == 130
    (record,) = records(tmp_path)
    assert (record["status"], record["reason"]) == ("interrupted", f"stopped at step {step}")
    said = command()
    assert said.code == 0
    assert f"going on from the checkpoint after step {step}" in said.err


def test_a_second_ctrl_c_does_not_wait_for_the_step_and_leaves_a_record_too(command, tmp_path, monkeypatch):
    def twice():
        stops()
        stops()

    monkeypatch.setattr("bench.train.interrupts._ONE_REQUEST", 0)
    monkeypatch.setattr("bench.command.terminal.Terminal.step", at(4, twice))
    assert command("checkpoint.steps=3").code == 130
    (record,) = records(tmp_path)
    assert record["status"] == "interrupted"
    assert list(tmp_path.glob("runs/[!.]*/checkpoint-3.pt"))


def test_ctrl_c_while_the_record_is_written_waits_for_it(command, tmp_path, monkeypatch):
    publish = runner.publish

    def interrupted(*arguments):
        stops()
        stops()
        return publish(*arguments)

    monkeypatch.setattr(runner, "publish", interrupted)
    assert command().code == 130
    assert [record["status"] for record in records(tmp_path)] == ["done"]
    assert not left_over(tmp_path)


@pytest.mark.parametrize(
    ("stage", "end"),
    [("evaluate", stops), ("evaluate", lambda *_: 1 / 0), ("save", stops), ("measure_speed", stops)],
    ids=["scoring", "an error in scoring", "writing the weights", "measuring"],
)
def test_what_follows_training_can_be_cut_off_without_loss(command, tmp_path, monkeypatch, stage, end):
    with monkeypatch.context() as patch:
        patch.setattr(runner, stage, end)
        assert command().code in (1, 130)
    monkeypatch.setattr("bench.command.terminal.Terminal.step", lambda *_: pytest.fail("it was trained to the end"))
    said = command()
    assert said.code == 0
    assert "going on from the checkpoint after step 6" in said.err
    assert [record["status"] for record in records(tmp_path)].count("done") == 1
    assert not list(tmp_path.glob("runs/*/*checkpoint*"))


def test_a_run_that_starts_anew_though_it_was_cut_off_says_so(command, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("bench.command.terminal.Terminal.step", at(2, stops))
        assert command("checkpoint.seconds=null").code == 130
    line = "an earlier attempt was cut off and this one starts anew, from the first step\n"
    said = command("checkpoint.seconds=null")
    assert said.code == 0
    assert line in said.err
    assert line not in command("rerun=true").err, "the attempt before is done"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_checkpoint_that_does_not_fit_is_warned_of_once_and_tried_again(command, tmp_path, monkeypatch, number):
    write, tried = checkpoint.write_atomic, []

    def refuse(path, content):
        tried.append(path.name)
        if path.name in ("checkpoint-2.pt", "checkpoint-3.pt"):
            raise OSError(number, os.strerror(number))
        write(path, content)
        kept.append(sorted(each.name for each in path.parent.glob("checkpoint*")))

    kept = []
    monkeypatch.setattr(checkpoint, "write_atomic", refuse)
    said = command("checkpoint.steps=1")
    assert said.code == 0
    assert tried == [f"checkpoint-{step}.pt" for step in range(1, 7)]
    assert kept[1] == ["checkpoint-1.pt", "checkpoint-4.pt"], "the one before is kept until there is another"
    line = f"the checkpoint after step 2 cannot be saved ({os.strerror(number)}): going on without it\n"
    assert said.err.count("cannot be saved") == said.err.count(line) == 1
    (record,) = records(tmp_path)
    log = (tmp_path / "runs" / record["id"] / "run.log").read_text("utf-8")
    assert log.count("cannot be saved") == 2, "the log has all that went wrong"


def test_checkpoints_go_only_after_the_run_is_published(command, tmp_path, monkeypatch):
    """As if the process had been killed just after the rename; the next one that finds the run done tidies."""
    with monkeypatch.context() as patch:
        patch.setattr(Store, "tidy", lambda *_: None)
        assert command("checkpoint.steps=2").code == 0
    ((name, files),) = published(tmp_path).items()
    assert {"checkpoint-4.pt", "checkpoint-6.pt"} <= files
    (tmp_path / "runs" / name / ".checkpoint-6.pt.0123abcd.tmp").write_bytes(b"half")
    assert "is done already" in command("checkpoint.steps=2").err
    assert published(tmp_path) == {name: {"record.json", "curve.csv", "run.log", "config.yaml", "model.safetensors"}}


def test_a_checkpoint_at_the_end_of_a_smaller_budget_is_scored(command, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("bench.command.terminal.Terminal.step", at(2, stops))
        assert command("evaluations=1").code == 130
    (cut,) = (tmp_path / "runs").glob("[!.]*")
    said = command("evaluations=1", "budget.steps=2", f"resume={cut}")
    assert said.code == 0, said
    assert sorted(record["status"] for record in records(tmp_path)) == ["done", "interrupted"]


def test_a_run_without_checkpoints_writes_none(command, monkeypatch):
    monkeypatch.setattr(Checkpoints, "save", lambda *_: pytest.fail("it was told never to save"))
    assert command("checkpoint.seconds=null").code == 0
