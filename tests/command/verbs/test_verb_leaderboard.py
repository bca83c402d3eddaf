"""`bench leaderboard` writes the tables of all records and prints the one of all runs."""

import json
import re

import pandas as pd
import pytest
from cli_tools import bench, the_line
from factories import a_record, a_score, publish
from many_runs import fill

from bench.results.store import Store
from bench.tables import files, text


@pytest.fixture
def results(tmp_path):
    publish(Store(tmp_path / "results"), "a-run")
    return tmp_path / "results"


def test_the_table_is_written_and_printed(capsys, results):
    said = bench(capsys, "leaderboard", f"results_dir={results}")
    assert said == (0, f"{text.to_text(files.write(results))}\n", "")
    assert (results / "leaderboard.csv").is_file()


def test_it_is_printed_as_markdown_where_asked(capsys, results):
    said = bench(capsys, "leaderboard", "--results-dir", str(results), "--markdown")
    assert said == (0, f"{text.to_markdown(files.write(results))}\n", "")
    assert "\n| gru | " in said.out


def test_the_folder_is_results_by_default_and_a_tilde_is_the_home_folder(capsys, results, monkeypatch):
    monkeypatch.chdir(results.parent)
    expected = bench(capsys, "leaderboard").out
    assert "copy-v1" in expected
    monkeypatch.setenv("HOME", str(results.parent))
    monkeypatch.chdir(results)
    assert bench(capsys, "leaderboard", "results_dir=~/results").out == expected
    assert not (results / "~").exists()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Two tasks, three cells, two budgets, six seeds."""
    results = tmp_path_factory.mktemp("many")
    assert fill(results, tasks=2, cells=3, budgets=2, seeds=6) == 72
    return results


ONE = "budget=1000 steps"


@pytest.fixture
def said(capsys, many):
    return lambda *words: bench(capsys, "leaderboard", f"results_dir={many}", *words)


def test_rows_are_chosen_by_column_and_by_option_and_files_have_all(said, many):
    csv = said("cell=gru,lstm", "task=task0", ONE, "model.hidden=128", "--format=csv").out
    assert [line.split(",")[:4] for line in csv.splitlines()[1:]] == [
        ["task0-v1", cell, "full", "1000 steps"] for cell in ("lstm", "gru")
    ]
    assert len(pd.read_csv(many / "leaderboard.csv")) == 12
    assert csv.splitlines()[0] == (many / "leaderboard.csv").read_text().splitlines()[0]
    assert "no row fits model.hidden=64" in the_line(said("model.hidden=64"))


def test_columns_order_and_groups_are_as_asked(said):
    text = said("task=task0", "--columns=cell,params", "--sort=params", "--group=budget").out
    found = re.findall(r"budget (\d+) steps|^(\w+) +\dk$", text, re.MULTILINE)
    assert [part for parts in found for part in parts if part] == [
        part for budget in ("1000", "2000") for part in (budget, "gru", "lstm", "vanilla")
    ]
    assert said("--columns=cell,rank", "--show=overview", ONE).out.count("rank") == 2


@pytest.mark.parametrize("width", ["80", "120"])
def test_an_overview_is_of_one_setting_at_a_time_and_fits_the_screen(said, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    text = said("--show=overview").out
    heads = [line for line in text.splitlines() if line.startswith("regime full; ")]
    assert [re.search(r"\d+ steps", head)[0] for head in heads] == ["1000 steps", "2000 steps"]
    assert max(map(len, text.splitlines())) <= int(width)
    pairs = said("--show=pairs", ONE).out
    assert "all tasks: normalised score" in pairs and max(map(len, pairs.splitlines())) <= int(width)


@pytest.mark.parametrize("show", ["rows", "overview", "pairs"])
def test_every_form_is_written_and_read_back(said, show, tmp_path):
    words = (f"--show={show}", ONE)
    said(*words, "--format=csv", f"--to={tmp_path / 't.csv'}")
    frame = pd.read_csv(tmp_path / "t.csv")
    tree = json.loads(said(*words, "--format=json").out, parse_constant=pytest.fail)
    assert said(*words, "--format=parquet", f"--to={tmp_path / 'x' / 't.parquet'}").out == ""
    stored = pd.read_parquet(tmp_path / "x" / "t.parquet")
    assert [*frame] == [*tree[0]] == [*stored] and len(frame) == len(tree) == len(stored) > 0
    assert r"\begin{tabular}" in said(*words, "--format=latex").out
    assert said(*words, "--format=markdown") == said(*words, "--markdown")


def test_where_no_two_cells_share_a_metric_there_are_no_pairs_and_a_line_says_so(capsys, results):
    publish(Store(results), "another", labels={**a_record().labels, "cell": "lstm"}, metric=a_score(1, direction="min"))
    said = bench(capsys, "leaderboard", "--show=pairs", f"results_dir={results}")
    assert said.code == 2 and "no two cells have scores in one metric on one task" in the_line(said)
    assert len(bench(capsys, "leaderboard", "--show=pairs", "--format=csv", f"results_dir={results}").out.split()) == 1


@pytest.mark.parametrize("show", ["overview", "pairs"])
def test_it_is_drawn_where_asked(said, show, tmp_path):
    assert f"written: {tmp_path / 'p.svg'}" in said(f"--show={show}", ONE, f"--plot={tmp_path / 'p.svg'}").err
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("words", [["--to"], ["--format=parquet", "--to"], ["--show=overview", ONE, "--plot"]])
def test_a_file_that_cannot_be_written_is_told_with_the_option_that_chooses_another(said, words, tmp_path):
    (tmp_path / "file").touch()
    answer = said(*words[:-1], f"{words[-1]}={tmp_path / 'file' / 't.png'}")
    assert answer.code == 1 and f"choose another folder with {words[-1]}=..." in answer.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["now"], "leaderboard: now: not of the form COLUMN=VALUE"),
        (["--now"], "leaderboard: unrecognized arguments: --now"),
        (["cel=gru"], "cel: neither a column of the leaderboard nor an option of its rows (did you mean cell?)"),
        (["model.hiden=3"], "(did you mean model.hidden?)"),
        (["seed=0"], "seed: the runs of a row may differ in it"),
        (["--columns=scor"], "scor: the leaderboard has no such column (did you mean score?); there are task"),
        (["--sort=scor"], "--sort=scor: there is no such column (did you mean score?)"),
        (["--group=model.hiden"], "(did you mean model.hidden?)"),
        (["--target=0.5"], "--target=0.5 is of one task: choose it, as in task=... (task0-v1, task1-v1)"),
        *(
            (
                ["task=task0", f"--target={target}"],
                f"--target={target}: recall_accuracy is a finite number from 0 up to 1",
            )
            for target in ("nan", "inf", "-inf", "5", "-0.1")
        ),
        (["--format=parquet"], "say with --to=FILE"),
        (["--format=csv", "--markdown"], "two forms"),
        (["--plot=x.png"], "--plot draws --show=overview"),
        (["--show=overview", "--plot=x.bmp"], "x.bmp: a plot is written as png, svg, pdf"),
        (
            ["--show=overview", "--plot=x.png"],
            "2 settings, which are not ranked together: choose by budget (1000 steps",
        ),
        (["--show=pairs", "--columns=p"], "--format=csv, json or parquet"),
        (["--show=pairs", "--columns=q", "--format=csv", ONE], "q: there is no such column"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_with_what_there_is(said, words, line):
    assert line in the_line(said(*words))


def test_another_target_is_looked_up_in_the_curves_and_the_files_keep_the_tasks(capsys, tmp_path):
    store = Store(tmp_path)
    for seed, scores in enumerate([(0.3, 0.6, 0.7), (0.6, 0.5, 0.8), (0.1, 0.2, 0.3)]):
        folder = publish(store, f"run-{seed}", seed=seed)
        rows = [f"{100 * n},{1000 * n},{n}.0,0.1,1.0,{score}" for n, score in enumerate(scores, 1)]
        head = "step,tokens,seconds,train_loss,grad_norm,valid_recall_accuracy"
        (folder / "curve.csv").write_text("\n".join([head, *rows]) + "\n")
    publish(store, "without-a-curve", seed=3)
    said = bench(capsys, "leaderboard", f"results_dir={tmp_path}", "--target=0.55", "--format=json")
    (row,) = json.loads(said.out)
    assert (row["reached"], row["unreached"], row["target_steps"], row["target_seconds"]) == (2, 1, 200, 2)
    assert (row["target"], row["solved_seeds"]) == (0.55, 4)
    (kept,) = pd.read_csv(tmp_path / "leaderboard.csv").to_dict("records")
    assert (kept["target"], kept["reached"], kept["target_steps"]) == (0.96, 4, 700)


def test_the_spread_of_rows_is_shown_by_its_sources(said, capsys):
    table = said("task=task0", ONE, "cell=gru", "--show=spread").out
    assert "initialisation and order of the data" in table and "6 levels of seed" in table
    frame = said("task=task0", ONE, "cell=gru", "--show=spread", "--format=csv", "--columns=cell,source,share").out
    assert frame.splitlines() == ["cell,source,share", "gru,initialisation and order of the data,1.0"]
    assert "without --group" in the_line(said("--show=spread", "--group=budget"))
    assert "--columns of --show=spread" in the_line(said("--show=spread", "--columns=cell"))
