"""`bench tune`: real trials in a folder of their own, tables and plots beside them, the choice in the leaderboard."""

import csv
import sys

import pytest
from cli_tools import COPY, bench, records, the_line


@pytest.fixture
def tuned(capsys, tmp_path):
    def tune(*words):
        return bench(capsys, "tune", *COPY, "model.hidden=4", f"results_dir={tmp_path}", *words)

    return tune


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_two_cells_are_tuned_shown_and_written_and_stand_in_the_leaderboard(capsys, tuned, tmp_path):
    words = ("cell=vanilla,gru", "trials=2", "search=rate", "search.clip.norm=[0.5,1.0]", "--seeds=1")
    said = tuned(*words)
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert [line.split(":")[0] for line in lines[:8]] == [
        *(f"[{2 * at + n}/8] copy {cell} trial {n} of 2" for at, cell in enumerate(("vanilla", "gru")) for n in (1, 2)),
        *(
            f"[{5 + 2 * at + n}/8] copy {cell} {name} seed 1"
            for at, cell in enumerate(("vanilla", "gru"))
            for n, name in enumerate(("default", "tuned"))
        ),
    ]
    assert lines[9] == "copy-v1(held_out=20): recall_accuracy, higher is better"
    assert lines[10] == "budget 3 steps; 2 trials each, chosen on valid; test over the seeds 1"
    assert lines[12].startswith("vanilla") and "optimizer.lr=" in lines[12] and "clip.norm=" in lines[12]
    folder = tmp_path / "tune" / "rate"
    assert len(records(folder)) == 4 and len(records(tmp_path)) == 4
    assert (folder / "copy-v1(held_out=20).png").is_file()
    trials, curves, table = (rows(folder / f"{name}.csv") for name in ("trials", "curves", "tuned"))
    assert [row["optimizer.lr"] for row in trials[:2]] == [row["optimizer.lr"] for row in trials[2:]]
    assert {row["run"] for row in trials} == {record["id"] for record in records(folder)}
    assert [(row["cell"], row["trials"]) for row in curves] == [(c, n) for c in ("vanilla", "gru") for n in "12"]
    for row, pair in zip(table, (trials[:2], trials[2:]), strict=True):
        best = max(pair, key=lambda trial: float(trial["score"]))
        assert f"optimizer.lr={best['optimizer.lr']}" in row["options"] and row["best_valid"] == best["score"]
        assert int(row["trial_tokens"]) == sum(int(trial["tokens"]) for trial in pair) > 0

    assert bench(capsys, "leaderboard", f"results_dir={tmp_path}").code == 0
    board = rows(tmp_path / "leaderboard.csv")
    assert sorted(row["chosen"].partition(" of ")[0] for row in board) == ["2 trials", "2 trials", "default", "default"]
    assert sum("chosen=2 trials" in row["bptt"] for row in board) == 2

    again = tuned(*words)
    assert again.code == 0 and "trial 1 of 2" not in again.out and again.out.splitlines()[5:] == lines[9:]
    line = the_line(tuned(*words, "search.clip.norm=[0.5,2.0]"))
    assert "copy_vanilla.journal has trials of another search space, with search.clip.norm=[0.5, 1.0], now" in line


def test_a_cell_that_fails_in_all_trials_is_stated_and_the_exit_code_says_so(tuned, tmp_path):
    said = tuned("cell=gru", "trials=2", "search=rate", "search.optimizer.lr=[1e38,2e38]", "--seeds=1")
    assert said.code == 1
    assert "gru: no trial has a score, so none is chosen; the first: diverged, " in said.out
    assert {record["status"] for record in records(tmp_path / "tune" / "rate")} == {"diverged"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["trials=0"], "trials=0: must be a whole number, 1 or more"),
        (["trials=ten"], "trials=ten: must be a whole number"),
        (["--seeds=0"], "tune: argument --seeds: 0: must be a whole number, 1 or more, 1000 or less"),
        (["--seeds=1000000000"], "argument --seeds: 1000000000: must be a whole number, 1 or more, 1000 or less"),
        (["search=rates"], "search=rates: there is no such search (did you mean rate?); choose one of default, rate"),
        (["search.optimizer.lr=1e-3"], "search.optimizer.lr=1e-3: write log(LOW, HIGH)"),
        (["search.optimizer.momentun=[0.1,0.9]"], "optimizer.momentun"),
        (["cell=grue"], "cell=grue: there is no such cell (did you mean gru?)"),
        (["seed=0,1"], "seed has several values"),
    ],
)
def test_a_line_says_what_is_wrong_and_nothing_is_run(tuned, tmp_path, words, line):
    said = tuned(*words)
    assert said.code == 2 and line in the_line(said)
    assert not list(tmp_path.iterdir())


def test_without_optuna_a_line_says_how_to_get_it(tuned, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = tuned("trials=1")
    assert said.code == 2 and "bench tune needs the package optuna: pip install" in the_line(said)


def test_the_help_names_every_search(capsys):
    said = bench(capsys, "tune", "--help")
    assert (
        said.code == 0 and "search=default" in said.out and "Learning rate, clipping by norm, and dropout" in said.out
    )
