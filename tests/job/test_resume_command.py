"""Going on with a run that was cut off, as a user meets it."""

import hashlib
import io
from pathlib import Path

import pandas as pd
import pytest
import torch
from cli_tools import COPY, bench, records, the_line

from bench.job import execute as runner

TINY = (*COPY, "checkpoint.steps=1", "hardware.device=cpu")


def interrupted(capsys, monkeypatch, *arguments: str) -> None:
    """A run that ends by Ctrl-C after its last step, and before it is scored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runner, "evaluate", interrupt)
        assert bench(capsys, *arguments).code == 130


@pytest.fixture
def cut_off(capsys, monkeypatch, tmp_path: Path) -> Path:
    """The folder of a run that was interrupted after its third and last step."""
    interrupted(capsys, monkeypatch, *TINY, f"results_dir={tmp_path}")
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    assert sorted(path.name for path in folder.glob("checkpoint*")) == ["checkpoint-2.pt", "checkpoint-3.pt"]
    return folder


def test_an_interrupted_run_goes_on_with_the_same_command(capsys, cut_off: Path) -> None:
    said = bench(capsys, *TINY, f"results_dir={cut_off.parent.parent}")
    assert said.code == 0
    assert "going on from the checkpoint after step 3" in said.err
    assert (cut_off.parent / f"{cut_off.name}-2" / "record.json").exists()
    assert not list(cut_off.parent.glob("*/checkpoint*")), "nobody needs the checkpoints of either attempt any more"


def test_resume_never_starts_anew(capsys, cut_off: Path) -> None:
    said = bench(capsys, *TINY, f"results_dir={cut_off.parent.parent}", "resume=never")
    assert said.code == 0
    assert "going on" not in said.err


def test_a_run_can_go_on_from_another_with_a_larger_budget(capsys, cut_off: Path, tmp_path: Path) -> None:
    said = bench(capsys, *TINY, f"results_dir={tmp_path / 'more'}", "budget.steps=5", f"resume={cut_off}")
    assert said.code == 0
    assert "going on from the checkpoint after step 3" in said.err
    assert f"resume={cut_off.name})" in records(tmp_path / "more")[0]["labels"]["bptt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("model.hidden=9",), "model.hidden=8 there and 9 here; give the same, or set resume=auto"),
        (("cell=lstm", "clip.norm=2"), "that run has other options: cell._target_=bench.cells.gru.GRU there and "),
        (("cell=lstm", "clip.norm=2"), "clip.norm=1.0 there and 2.0 here"),
    ],
)
def test_another_configuration_is_told_by_its_keys(capsys, cut_off: Path, changes, message: str) -> None:
    said = bench(capsys, *TINY, *changes, f"results_dir={cut_off.parent.parent}", f"resume={cut_off.name}")
    assert said.code == 2
    assert message in the_line(said)


def rewrite(folder: Path, **options: object) -> None:
    """Put other options into a folder's checkpoints, as another version of bench wrote them; `__` for the dot."""
    for path in folder.glob("checkpoint-*.pt"):
        state = torch.load(io.BytesIO(path.read_bytes()[64:]), weights_only=True)
        state["options"] |= {name.replace("__", "."): value for name, value in options.items()}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        path.write_bytes(hashlib.sha256(buffer.getvalue()).hexdigest().encode() + buffer.getvalue())


def test_a_checkpoint_that_names_a_module_as_it_was_called_is_gone_on_from(capsys, cut_off: Path, tmp_path) -> None:
    rewrite(cut_off, schedule___target_="bench.schedule.Constant")
    said = bench(capsys, *TINY, f"results_dir={tmp_path / 'more'}", f"resume={cut_off}")
    assert said.code == 0
    assert "going on from the checkpoint after step 3" in said.err


def test_a_checkpoint_that_says_a_start_as_it_was_said_is_gone_on_from(capsys, monkeypatch, tmp_path) -> None:
    lstm = (*TINY, "cell=lstm", "init.forget_bias=1")
    interrupted(capsys, monkeypatch, *lstm, f"results_dir={tmp_path}")
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    rewrite(folder, cell__forget_bias=1, init__forget_bias=None)
    said = bench(capsys, *lstm, f"results_dir={tmp_path / 'more'}", f"resume={folder}")
    assert said.code == 0
    assert "going on from the checkpoint after step 3" in said.err
    said = bench(capsys, *TINY, "cell=lstm", f"results_dir={tmp_path / 'other'}", f"resume={folder}")
    assert said.code == 2
    assert "init.forget_bias=1 there and None here" in the_line(said)


def test_a_matched_size_among_a_checkpoint_s_options_is_no_difference(capsys, monkeypatch, tmp_path) -> None:
    options = [*(word for word in TINY if not word.startswith("model.hidden")), "match.params=2000"]
    interrupted(capsys, monkeypatch, *options, f"results_dir={tmp_path}")
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    rewrite(folder, model__hidden=records(tmp_path)[0]["hidden"])
    assert bench(capsys, *options, f"results_dir={tmp_path / 'more'}", f"resume={folder}").code == 0
    said = bench(capsys, *options[:-1], f"results_dir={tmp_path / 'other'}", f"resume={folder}")
    assert said.code == 2
    assert "match.params=2000 there and None here" in the_line(said)


def test_a_matched_run_is_gone_on_from_at_its_size_though_a_search_would_end_at_another(
    capsys, monkeypatch, tmp_path
) -> None:
    """As where another version of bench counts FLOPs otherwise."""
    options = [*(word for word in TINY if not word.startswith("model.hidden")), "match.flops=9000"]
    interrupted(capsys, monkeypatch, *options, f"results_dir={tmp_path}")
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    monkeypatch.setattr("bench.job.build.hidden_for", lambda *_: 31)
    assert bench(capsys, *options, f"results_dir={tmp_path / 'more'}", f"resume={folder}").code == 0
    assert records(tmp_path / "more")[0]["hidden"] == records(tmp_path)[0]["hidden"] != 31


def test_a_run_without_checkpoints_is_one_line(capsys, tmp_path: Path) -> None:
    assert bench(capsys, *TINY, f"results_dir={tmp_path}").code == 0
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    said = bench(capsys, *TINY, f"results_dir={tmp_path}", f"resume={folder}")
    assert said.code == 2
    assert f"resume={folder}: there is no checkpoint in {folder}; only a run that was cut off has some" in said.err


def test_a_run_that_is_not_there_is_one_line(capsys, tmp_path: Path) -> None:
    said = bench(capsys, *TINY, f"results_dir={tmp_path}", "resume=nowhere")
    assert said.code == 1
    assert "there is no run nowhere" in the_line(said)


def test_a_second_interrupt_leaves_the_checkpoints_to_the_next_run(capsys, monkeypatch, tmp_path: Path) -> None:
    """While the record of the first is written."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runner, "evaluate", interrupt)
        patched.setattr(runner, "publish", interrupt)
        assert bench(capsys, *TINY, f"results_dir={tmp_path}").code == 130
    said = bench(capsys, *TINY, f"results_dir={tmp_path}")
    assert "going on from the checkpoint after step 3" in said.err
    assert not list((tmp_path / "runs").glob(".*.partial"))


def test_a_larger_budget_has_a_schedule_of_its_own(capsys, monkeypatch, tmp_path: Path) -> None:
    """After the step that it goes on from, the rates are those of an undisturbed run over that budget; for every
    schedule see tests/laws/test_going_on.py."""
    options = (*TINY, "schedule=cosine", "schedule.warmup=0.1")
    interrupted(capsys, monkeypatch, *options, "budget.steps=10", f"results_dir={tmp_path}")
    (cut,) = (tmp_path / "runs").glob("[!.]*")
    larger = ("budget.steps=30", "evaluations=30")
    assert bench(capsys, *options, *larger, f"resume={cut}", f"results_dir={tmp_path / 'on'}").code == 0
    assert bench(capsys, *options, *larger, f"results_dir={tmp_path / 'whole'}").code == 0
    rates = []
    for folder in ("on", "whole"):
        (run,) = (tmp_path / folder / "runs").glob("[!.]*")
        rates.append(pd.read_csv(run / "curve.csv").set_index("step")["lr"].loc[11:])
    assert rates[0].tolist() == rates[1].tolist()
    assert len(rates[0]) == 20, "a validation at each step that is left"
