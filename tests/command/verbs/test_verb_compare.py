"""`bench compare` says whether B is better than A, and ends with 1 where it is worse."""

import json

import pytest
from cli_tools import bench, the_line
from two_sides import ALIKE, BETTER, runs_of


@pytest.fixture
def results(tmp_path):
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "lstm", BETTER)
    return tmp_path


def test_two_cells(capsys, results):
    said = bench(capsys, "compare", "cell=gru", "cell=lstm", "task=copy", f"results_dir={results}")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("A: cell=gru\nB: cell=lstm\ncopy-v1; gru | lstm; full; 1500 steps; ")
    assert "8 paired" in said.out and "  better\n" in said.out


def test_the_exit_code_tells_that_b_is_worse_at_a_level(capsys, results):
    lower = (0.10, 0.05, 0.08, -0.01, 0.06, 0.02, 0.09, 0.04)
    runs_of(results, "mgu", tuple(score - less for score, less in zip(ALIKE, lower, strict=True)))
    words = ("compare", "cell=gru", "cell=mgu", f"results_dir={results}")
    assert bench(capsys, *words).code == 1
    assert bench(capsys, *words, "--level=0.999").code == 0


def test_two_folders_and_words_for_both_as_json(capsys, tmp_path):
    for name, scores in (("old", BETTER), ("new", ALIKE)):
        for cell in ("gru", "lstm"):
            runs_of(tmp_path / name, cell, scores)
    said = bench(
        capsys, "compare", str(tmp_path / "old"), str(tmp_path / "new"), "cell=gru", "seed=0,1,2,3,4,5", "--json"
    )
    tree = json.loads(said.out)
    (one,) = tree["comparisons"]
    assert (said.code, tree["worse"], one["cell"]["a"], one["seeds"]) == (1, True, "gru", [6, 6])


def test_a_side_of_several_words(capsys, results):
    runs_of(results, "lstm", ALIKE, labels={"bptt": "truncated"})
    said = bench(capsys, "compare", "cell=gru", "cell=lstm bptt=truncated", f"results_dir={results}")
    assert said.code == 0 and "full | truncated" in said.out and "no difference seen" in said.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("cell=gru", "nowhere"), "nowhere is none of these: COLUMN=VALUE, a results folder"),
        (("cell=gru", "cell=mgu"), "cell=mgu: no run in"),
        (("cell=gru", "cel=lstm"), "cel: runs have no such column (did you mean cell?)"),
        (("cell=gru", "cell=lstm", "cell=gru"), "cell is given for one side and for both"),
        (("task=copy cell=gru", "cell=lstm"), "scores of two tasks are not compared"),
        (("cell=gru", "cell=lstm", "seed=0", "seed=1"), "seed is given twice"),
        (("cell=gru", "cell=lstm", "--level=95"), "argument --level: 95: must be a finite number, 0.5 or more, below"),
        (("cell=gru",), "the following arguments are required: B"),
    ],
)
def test_bad_input_is_one_line(capsys, results, words, line):
    said = bench(capsys, "compare", *words, f"results_dir={results}")
    assert said.code == 2 and line in the_line(said)


@pytest.mark.parametrize("words", [("cell=gru", "cell=lstm", "task=copy,adding"), ("cell=gru,mgu", "cell=lstm")])
def test_several_values_of_until_are_one_line_with_a_remedy_that_it_has(capsys, results, words):
    said = bench(capsys, "compare", *words, "--until=p=0.01", f"results_dir={results}")
    line = the_line(said)
    assert said.code == 2 and "give one value, and a command for each" in line and "-m" not in line
    assert line.startswith(f"compare: {next(word for word in words if ',' in word)}: ")


def test_a_record_that_cannot_be_read_is_said_once(capsys, results):
    (results / "runs" / "broken").mkdir()
    (results / "runs" / "broken" / "record.json").write_text("{")
    said = bench(capsys, "compare", "cell=gru", "cell=lstm", f"results_dir={results}")
    assert said.code == 0 and said.err.count("broken/record.json") == 1


def test_nothing_to_compare_is_an_error_that_says_why(capsys, results):
    runs_of(results, "mgu", ALIKE, labels={"budget": "9 steps"})
    said = bench(capsys, "compare", "cell=gru", "cell=mgu", f"results_dir={results}")
    assert said.code == 2 and "nothing to compare: only A has copy-v1" in the_line(said)
