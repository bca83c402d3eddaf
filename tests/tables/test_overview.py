"""Cells by tasks: what is ranked together, what a rank says, who is missing, and how it is shown."""

import json
import math
import re

import pandas as pd
import pytest
from factories import a_failure, a_row
from ranked import runs, views

from bench.results.row import Row
from bench.stats.pareto import pareto
from bench.tables.blocks import as_latex, as_markdown, as_text
from bench.tables.columns import BEHIND, COLUMNS
from bench.tables.files import to_csv, to_json
from bench.tables.overview import ADDED, overviews, regime, to_frame
from bench.tables.overview_text import blocks, notes
from bench.tables.tabulate import tabulate


@pytest.fixture
def found():
    """Three cells on two tasks, where `gru` and `lstm` are alike on the first."""
    (view,) = views(
        runs("gru", 0.8), runs("lstm", 0.801), runs("rnn", 0.4, params=10),
        runs("gru", 0.9, "parity-v1"), runs("lstm", 0.7, "parity-v1"), runs("rnn", 0.5, "parity-v1", params=10),
    )  # fmt: skip
    return view


def by_name(found, what):
    return {task.name: each for task, each in what.items()}


def test_cells_that_no_test_tells_apart_share_a_rank_and_others_do_not(found):
    ranks = by_name(found, found.ranks)
    assert ranks["copy-v1"] == {"gru": 1, "lstm": 1, "rnn": 3}
    assert ranks["parity-v1"] == {"gru": 1, "lstm": 2, "rnn": 3}
    assert found.mean_ranks == {"gru": 1.5, "lstm": 1.5, "rnn": 3}, "by the mean scores, as Demsar has it"


def test_what_all_cells_have_on_all_tasks_is_summed_up(found):
    assert found.aggregates["rnn"].mean < found.aggregates["lstm"].mean < found.aggregates["gru"].mean
    assert 0.25 < found.aggregates["rnn"].mean < 0.375, "0 is chance, which is 0.2 here"
    assert found.ranking.critical > 2, "two tasks tell nothing"


@pytest.mark.parametrize("name", ["budget", "hardware", "bptt"])
def test_other_budgets_machines_and_regimes_are_never_ranked_together(name):
    found = views(runs("gru", 0.8), runs("lstm", 0.5, **{name: "another"}))
    assert len(found) == 2 and all(len(view.cells) == 1 for view in found)
    frame = to_frame(found)
    assert list(frame["rank"]) == [1, 1] and frame["mean_rank"].isna().all()


def test_a_regime_is_the_same_at_each_cells_own_learning_rate_and_the_best_on_valid_stands():
    assert regime("full(optimizer.lr=0.01, clip.norm=1)") == "full" == regime("full(schedule=cosine)#1a2b3c4d")
    assert regime("truncated(32, optimizer.lr=0.01, batch_size=8)") == "truncated(32, batch_size=8)"
    assert regime("full(chosen=12 trials, optimizer.lr=0.01)") == "full(chosen=12 trials)", "tuned alike, or not ranked"
    slow = {"bptt": "full(optimizer.lr=0.1)", "valid": 0.99}
    (view,) = views(runs("gru", 0.8), runs("gru", 0.5, **slow), runs("lstm", 0.6))
    (task,) = view.tasks
    assert view.rows[task]["gru"]["score"] == pytest.approx(0.5, abs=0.01), "chosen on valid, though worse on test"
    assert (
        "copy-v1: the best on valid of several rows that differ in training, not as many for each: lstm 1, gru 2"
        in [*notes(view)]
    )


def test_a_cell_that_is_missing_on_a_task_is_said_and_has_no_mean_rank():
    failed = [Row.of(a_failure(), 1)._replace(task="parity-v1", cell="rnn", id="failed")]
    (view,) = views(
        runs("gru", 0.8), runs("gru", 0.9, "parity-v1"), runs("lstm", 0.7), runs("rnn", 0.9), failed,
        runs("tcn", 0.6), runs("tcn", 0.6, "parity-v1"),
    )  # fmt: skip
    assert view.complete == ["gru", "tcn"] == [*view.mean_ranks] and {*view.aggregates} == {"gru", "tcn"}
    said = [*notes(view)]
    assert "lstm has no score on parity-v1 (no run): it has no mean rank" in said
    assert "rnn has no score on parity-v1 (1 failed): it has no mean rank" in said
    frame = to_frame([view]).set_index(["task", "cell"])
    assert len(frame) == 8, "each cell on each task"
    assert (frame.loc[("parity-v1", "lstm"), "seeds"], frame.loc[("parity-v1", "rnn"), "failed"]) == (0, 1)
    assert pd.isna(frame.loc[("parity-v1", "lstm"), "rank"]) and frame.loc[("copy-v1", "rnn"), "rank"] == 1


def test_one_seed_ties_everywhere_and_no_score_at_all():
    (single,) = views(runs("gru", 0.8, seeds=1), runs("lstm", 0.1, seeds=1))
    assert [*single.ranks.values()] == [{"gru": 1, "lstm": 1}]
    assert "copy-v1: one seed, which no test can tell from others: gru, lstm" in [*notes(single)]
    (tied,) = views(*(runs(cell, 0.5, task, spread=0) for cell in ("a", "b", "c") for task in ("copy-v1", "x-v1")))
    assert tied.mean_ranks == {"a": 2, "b": 2, "c": 2} and tied.ranking.p == 1
    (none,) = views([a_row(status="failed", metric=None, direction=None, valid=None, test=None)])
    assert none.ranks == {none.tasks[0]: {}} and "-" in as_text(blocks(none), 80, "")


def test_metrics_of_two_directions_under_one_name_stand_apart():
    low = {"direction": "min", "lowest": 0.0, "highest": None, "unit": "nats", "target": None, "solved": None}
    on_another = [runs(cell, 0.5, "parity-v1") for cell in ("gru", "lstm", "rnn")]
    (view,) = views(runs("gru", 0.8), runs("lstm", 0.7), runs("rnn", 0.2, **low), *on_another)
    assert [(str(task), [*scores]) for task, scores in view.scores.items() if task.name == "copy-v1"] == [
        ("copy-v1 recall_accuracy (higher is better)", ["gru", "lstm"]),
        ("copy-v1 recall_accuracy (lower is better)", ["rnn"]),
    ]
    assert [*view.mean_ranks] == ["gru", "lstm"], "most are scored so, and lose nothing by the one that is not"
    assert [note for note in notes(view) if "rnn" in note] == [
        "rnn: scored on copy-v1 in recall_accuracy (lower is better), not compared with recall_accuracy (higher is "
        "better), and in no mean rank"
    ]
    frame = to_frame([view])
    assert frame[frame["task"] == "copy-v1"][["cell", "direction"]].to_numpy().tolist() == [
        ["gru", "max"], ["lstm", "max"], ["rnn", "min"],
    ]  # fmt: skip


@pytest.mark.parametrize("test", [0.8, None])
def test_a_cell_whose_runs_diverge_takes_no_rank_from_the_others(test):
    """Whether tasks are scored on test or, without that split, on valid: the row has no score that would say so."""
    tasks = ("copy-v1", "parity-v1")
    if test:
        whole = [runs(cell, test, task) for cell in ("gru", "lstm") for task in tasks]
    else:
        rows = [row for cell in ("gru", "lstm") for task in tasks for row in runs(cell, 0.8, task)]
        whole = [[row._replace(test=None, valid=row.test) for row in rows]]
    lost = [runs("rnn", 0.1, task) for task in tasks]
    lost = [[row._replace(status="diverged", valid=None, test=None) for row in lot] for lot in lost]
    (view,) = views(*whole, *lost)
    split = "" if test else "valid "
    assert [str(task) for task in view.tasks] == [f"{task} {split}recall_accuracy (higher is better)" for task in tasks]
    assert view.mean_ranks.keys() == view.aggregates.keys() == {"gru", "lstm"} and view.ranking.critical > 0
    assert [note for note in notes(view) if "no score" in note] == [
        "rnn has no score on copy-v1 (6 diverged), parity-v1 (6 diverged): it has no mean rank"
    ]
    frame = to_frame([view]).set_index("cell")
    assert frame.loc["rnn", "mean_rank"].isna().all() and frame.drop("rnn")["aggregate"].notna().all()


def test_fronts_are_those_of_score_and_cost_without_figures_of_a_busy_machine(found):
    task = found.tasks[0]
    scores = [found.rows[task][cell]["score"] for cell in found.cells]
    params = [found.rows[task][cell]["params"] for cell in found.cells]
    expected = pareto([*zip(scores, params, strict=True)], ["max", "min"])
    assert [found.fronts[task]["params"][cell] for cell in found.cells] == expected and any(expected)
    busy = {"train_marks": "contended", "train_tokens_per_s": 9e9}
    (view,) = views(runs("gru", 0.8), runs("lstm", 0.7, **busy))
    assert view.fronts[view.tasks[0]]["train_tokens_per_s"] == {"gru": True, "lstm": False}


def test_the_files_have_the_columns_of_the_leaderboard_and_the_added_ones_and_read_back(found, tmp_path):
    frame = to_frame([found])
    names = [column.name for column in (*COLUMNS, *ADDED)]
    (tmp_path / "o.csv").write_text(to_csv(frame))
    read = pd.read_csv(tmp_path / "o.csv")
    assert list(read.columns) == names and {"score", "valid"} <= {*names}
    assert read["score"].to_list() == frame["score"].to_list(), "to the last bit"
    tree = json.loads(to_json(frame), parse_constant=pytest.fail)
    assert [list(row) for row in tree] == [names] * len(frame)
    frame.to_parquet(tmp_path / "o.parquet", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "o.parquet"), frame, check_dtype=False)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_screen_shows_every_task_in_tables_below_each_other(found, width):
    lines = as_text(blocks(found), width, "").splitlines()
    assert max(map(len, lines)) <= width
    shown = " ".join(lines)
    assert all(word in shown for word in ("copy-v1", "parity-v1", "0.40", "mean ranks over 2 tasks", "1.5"))
    assert "wider screen" not in shown and re.search(r"\[0\.\d+,0\.\d+\]", shown)


def test_markdown_and_latex_have_the_same_cells_and_no_text_breaks_them(found):
    odd = "a|b_{%}#&"
    (view,) = views(runs(odd, 0.8), runs("gru", 0.5))
    latex = as_latex(blocks(view))
    assert r"a|b\_\{\%\}\#\&" in latex and latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    assert r"a\|b" in as_markdown(blocks(view))
    text = as_markdown(blocks(found))
    assert text.count("| gru |") == 2 and re.search(r"\| 2 0\.\d+ \\\[0\.\d+,0\.\d+\\\]", text)


def test_a_group_has_overviews_of_its_own():
    table = tabulate([*runs("gru", 0.8), *runs("lstm", 0.5)], (*COLUMNS, *BEHIND)).assign(width=["64", "128"])
    found = [*overviews(table, "width")]
    assert [(view.setting["width"], view.cells) for view in found] == [("128", ["lstm"]), ("64", ["gru"])]
    assert list(to_frame(found, "width")["width"]) == ["128", "64"]


def test_without_a_best_possible_score_nothing_is_normalised():
    unknown = {"solved": None, "target": None}
    (view,) = views(*(runs(cell, 0.5, task, **unknown) for cell in ("gru", "lstm") for task in ("a-v1", "b-v1")))
    assert view.normalised == [] and view.aggregates == {} and math.isnan(to_frame([view])["aggregate"].iloc[0])
    assert "no best possible score is known for a-v1, b-v1: in no normalised figure" in [*notes(view)]
