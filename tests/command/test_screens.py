"""What the command prints fits the screen: no line is wider than 80 or 120 columns."""

import pytest
from cli_tools import COPY, bench
from factories import a_record, publish

from bench.command.verbs import check
from bench.config.catalogue import choices
from bench.job.checked import Checked
from bench.results.store import Store

WIDTHS = [80, 120]
COMMANDS = [
    "--help",
    "check --help",
    "runs --help",
    "fetch",
    "list",
    "list task",
    "list cell",
    "list lstm",
    "list copy",
    "list model",
    "list sst2",
    "leaderboard",
    "runs",
    "show copy",
    "fetch task=copy",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with runs whose labels are long."""
    folder = tmp_path_factory.mktemp("results")
    for seed, cell in enumerate(("gru", "layernorm_lstm", "linear_attention")):
        shared = "model.hidden=64, model.layers=2, init.forget_bias=1.0"
        labels = {**a_record().labels, "cell": f"{cell}({shared}, cell.option{seed}=a_long_value_of_it)"}
        base = f"copy-v1_{cell}_s{seed}_1a2b3c4d5e6f7a8b"
        publish(Store(folder), base, labels=labels, seed=seed, changed={f"cell.option{n}": "value" for n in range(20)})
    return folder


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_screen(capsys, monkeypatch, results, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    words = command.split()
    if words[0] in ("leaderboard", "runs", "show"):
        words.append(f"results_dir={results}")
    said = bench(capsys, *words)
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_of_checks_that_are_too_wide_are_stacked(capsys, monkeypatch, width):
    facts = {"parameters": "99,328", "FLOPs forward": "196,608 + 2,688", "equation": "Hochreiter & Schmidhuber 1997"}
    monkeypatch.setattr(check, "_check", lambda group, name, *_: Checked(name, [], {**facts, "start": "own " * 9}))
    monkeypatch.setenv("COLUMNS", str(width))
    out = bench(capsys, "check", "cell=gru,lstm").out
    assert max(map(len, out.splitlines())) <= width and out.startswith(
        "gru   parameters 99,328, FLOPs forward 196,608 + "
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_there_is_to_choose_fits_the_screen_too(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for group in ("task", "cell", "experiment"):
        for name in choices(group):
            assert max(map(len, bench(capsys, "list", f"{group}={name}").out.splitlines())) <= width, name


def test_a_run_ends_with_lines_that_fit_a_narrow_screen(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "60")
    said = bench(capsys, *COPY, f"results_dir={tmp_path}")
    title, below, *_ = said.out.splitlines()
    assert title.startswith("copy-v1(held_out=20)") and below.startswith(" " * 13)
    assert all(len(line) <= 60 for line in said.out.splitlines() if str(tmp_path) not in line)


def test_what_a_narrow_screen_leaves_out_is_named_and_options_of_all_rows_are_said_once(capsys, monkeypatch, results):
    monkeypatch.setenv("COLUMNS", "80")
    out = bench(capsys, "leaderboard", f"results_dir={results}").out
    assert out.count("model.hidden=64") == 1
    assert "a wider screen shows " in out and "infer tok/s" in out.rpartition("a wider screen shows ")[2]
    monkeypatch.delenv("COLUMNS")
    assert "a wider screen" not in bench(capsys, "leaderboard", f"results_dir={results}").out
