"""`bench plot`: curves of runs in a file, and a line for what cannot be drawn."""

from __future__ import annotations

import pytest
from cli_tools import bench, the_line
from factories import a_failure, a_record, publish

from bench.results.store import Store

CURVE = "step,tokens,seconds,grad_norm,train_loss,valid_recall_accuracy\n1,10,0.5,1,2.5,0.25\n2,20,1,1,1.5,0.5\n"


@pytest.fixture
def store(tmp_path):
    """Three runs of GRUs with curves, one of another task, and one that failed before its first validation."""
    store = Store(tmp_path)
    for seed in range(3):
        (publish(store, f"copy-v1_gru_s{seed}", seed=seed) / "curve.csv").write_text(CURVE)
    other = {**a_record().labels, "task": "adding-v1"}
    (publish(store, "adding-v1_gru_s0", task="adding-v1", labels=other) / "curve.csv").write_text(CURVE)
    publish(store, "failed", **vars(a_failure()) | {"id": "failed", "labels": {**other, "task": "parity-v1"}})
    return store


def plot(capsys, store, *words):
    return bench(capsys, "plot", *words, f"results_dir={store.runs.parent}")


@pytest.mark.parametrize(
    ("words", "count", "file"),
    [
        (["task=copy"], 3, "task=copy.png"),
        (["copy-v1_gru_s1"], 1, "copy-v1_gru_s1.png"),
        (["task=copy,adding", "--against=tokens"], 4, "task=copy,adding_tokens.png"),
        (["task=copy", "--against", "speed"], 3, "task=copy_speed.png"),
        (["task=copy", "--of", "train_loss"], 3, "task=copy_train_loss.png"),
        (["task=copy", "--reached", "--against=seconds"], 3, "task=copy_seconds_reached.png"),
    ],
)
def test_a_plot_is_written_and_its_file_named(capsys, store, words, count, file):
    said = plot(capsys, store, *words)
    path = store.runs.parent / "plots" / file
    assert (said.code, said.err) == (0, "") and said.out == f"{count} run{'s' * (count > 1)}, written: {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_file_s_name_says_its_format(capsys, store, tmp_path, ending, begins):
    path = tmp_path / "new" / f"a.{ending}"
    assert plot(capsys, store, "task=copy", "--to", str(path)).code == 0
    assert path.read_bytes().startswith(begins)


def test_a_file_that_cannot_be_written_is_told_with_the_option_that_chooses_another(capsys, store, tmp_path):
    (tmp_path / "file").touch()
    said = plot(capsys, store, "task=copy", f"--to={tmp_path / 'file' / 'a.png'}")
    assert said.code == 1 and said.err.endswith("choose another folder with --to=...\n")


def test_tasks_have_a_panel_each(capsys, store, tmp_path):
    plot(capsys, store, "task=copy,adding", "--to", str(tmp_path / "a.svg"))
    drawn = (tmp_path / "a.svg").read_text()
    assert "<!-- copy-v1 -->" in drawn and "<!-- adding-v1 -->" in drawn


def test_runs_that_cannot_be_drawn_beside_others_are_counted(capsys, store):
    said = plot(capsys, store, "copy-v1_gru_s0", "failed")
    assert said.code == 0 and said.err.startswith("left out: 1 of 2 runs, whose metric is unknown")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["failed"],
            "failed has no learning curve: it ended before its first validation: failed: model.hidden=0: must",
        ),
        (["task=none"], "fits task=none; python -m bench runs lists them all"),
        (["task="], "plot: task=: not of the form COLUMN=VALUE"),
        (["task=copy", "--of", "train_los"], "--of=train_los: no curve has this column (did you mean train_loss?)"),
        (["task=copy", "--of=lr", "--against=speed"], "--of=lr is a column of learning curves"),
        (["task=copy", "--to=a.gif"], "a.gif: a plot is written as png, svg, pdf"),
        (["task=copy", "--against=time"], "invalid choice: 'time'"),
        ([], "there is no sweep in"),
    ],
)
def test_what_cannot_be_drawn_is_a_line_and_no_file(capsys, store, words, line):
    said = plot(capsys, store, *words)
    assert said.code == 2 and line in said.err.splitlines()[-1]
    assert not (store.runs.parent / "plots").exists()


def test_more_lines_than_can_be_told_apart_are_refused(capsys, store):
    for width in range(13):
        labels = {**a_record().labels, "cell": f"gru(model.hidden={width})"}
        folder = publish(store, f"wide-{width}", labels=labels, changed={"model.hidden": width})
        (folder / "curve.csv").write_text(CURVE)
    said = plot(capsys, store, "task=copy")
    assert said.code == 2 and "14 lines in a panel: no more than 12 can be told apart" in the_line(said)


def test_a_damaged_curve_is_named(capsys, store):
    (store.runs / "copy-v1_gru_s1" / "curve.csv").write_text("nonsense")
    said = plot(capsys, store, "task=copy")
    assert said.code == 1 and "copy-v1_gru_s1/curve.csv is damaged" in the_line(said)


def test_two_plots_at_once_and_runs_without_a_target_are_refused(capsys, store):
    for other in ("--of=train_loss", "--against=speed"):
        line = the_line(plot(capsys, store, "task=copy", "--reached", other))
        assert line == f"plot: --reached and {other} are two plots: leave out one"
    (publish(store, "old", seed=9, to_target=None) / "curve.csv").write_text(CURVE)
    assert "no run has a target" in plot(capsys, store, "old", "--reached").err
