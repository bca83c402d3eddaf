"""Further seeds are run until it is told which side is better, at a level that holds however often it is looked at."""

import random

import pytest
from cli_tools import COPY, bench, records, the_line
from two_sides import runs_of

from bench.errors import ConfigError
from bench.results.store import Store
from bench.study.until import Source, until


def a_source(results, cell, score, **changes):
    """A side whose run of a seed is made as it is asked for, and scores `score(seed)`."""
    asked = []

    def run(seed):
        asked.append(seed)
        known = {row.seed: row.id for row in Store(results).rows()[0]}
        if seed not in known:
            runs_of(results, cell, {seed: score(seed)}, **changes)
        return next(row.id for row in Store(results).rows()[0] if row.seed == seed)

    return Source(cell, results, run), asked


def noisy(shift):
    return lambda seed: (
        0.5 + shift + random.Random(seed).uniform(-0.02, 0.02) + random.Random(-seed - shift).uniform(0, 0.01)
    )


@pytest.mark.parametrize(("shift", "verdict"), [(0.2, "better"), (-0.2, "worse")])
def test_a_large_difference_ends_it_early_and_the_cost_is_told(tmp_path, shift, verdict):
    (a, asked), (b, _) = a_source(tmp_path / "a", "gru", noisy(0)), a_source(tmp_path / "b", "lstm", noisy(shift))
    runs_of(tmp_path / "a", "gru", {0: noisy(0)(0)})
    said = []
    told = until(a, b, range(30), 0.01, said.append)
    assert told.verdict == verdict and told.look.p <= 0.01
    assert asked == list(range(len(told.scores))) and 3 < len(asked) < 15 and len(said) == len(asked)
    runs = 2 * len(asked)
    assert (told.cost.runs, told.cost.new, told.cost.seconds) == (runs, runs - 1, 31.25 * (runs - 1))
    text = told.to_text("cell=gru", "cell=lstm", 0.01, 200)
    assert f"B is {verdict}, after {len(asked)} seeds of each" in text
    assert f"cost: {runs - 1} new runs of {runs}, {31.25 * (runs - 1):.1f} s" in text
    assert told.to_tree()["verdict"] == verdict


def test_no_difference_is_not_told_within_the_most_seeds(tmp_path):
    (a, _), (b, _) = a_source(tmp_path / "a", "gru", noisy(0)), a_source(tmp_path / "b", "lstm", noisy(1e-9))
    told = until(a, b, range(4), 0.01, lambda line: None)
    assert (told.verdict, len(told.scores)) == ("not told", 4)


def test_differences_that_never_matter_end_it_too(tmp_path):
    source = [
        a_source(tmp_path / cell, cell, lambda seed, d=d: 0.5 + d * (seed % 2)) for cell, d in (("a", 0), ("b", 1e-5))
    ]
    told = until(source[0][0], source[1][0], range(40), 0.05, lambda line: None)
    assert told.verdict == "equivalent" and len(told.scores) < 40


def test_a_seed_without_a_score_is_left_out_and_said(tmp_path):
    (a, _), (b, _) = a_source(tmp_path / "a", "gru", noisy(0)), a_source(tmp_path / "b", "lstm", noisy(0.2))
    runs_of(tmp_path / "b", "lstm", {1: 0.0}, status="diverged", reason="NaN")
    told = until(a, b, range(4), 0.01, lambda line: None)
    assert told.without == [1] and [*told.scores] == [0, 2, 3]
    assert "left out, without a score of both: seeds 1" in told.to_text("a", "b", 0.01, 200)


def test_other_data_are_refused(tmp_path):
    (a, _), (b, _) = (
        a_source(tmp_path / "a", "gru", noisy(0)),
        a_source(tmp_path / "b", "gru", noisy(0), fingerprint="f"),
    )
    with pytest.raises(ConfigError, match="other data: A has the fingerprint None, B f"):
        until(a, b, range(3), 0.01, lambda line: None)


def test_the_command_runs_both_and_finds_what_is_done(capsys, tmp_path):
    shared = [word for word in COPY if not word.startswith("cell=")]
    words = (
        "compare",
        "cell=gru",
        "cell=vanilla",
        *shared,
        f"results_dir={tmp_path}",
        "--until=p=0.05",
        "--max-seeds=2",
    )
    first = bench(capsys, *words)
    assert first.code == 0 and "B is not told, after 2 seeds of each" in first.out
    assert "cost: 4 new runs of 4" in first.out and "differs: cell._target_: A bench.cells.gru.GRU" in first.out
    assert len(records(tmp_path)) == 4 and first.err.startswith("seed 0: A ")
    assert "cost: 0 new runs of 4, 0.0 s" in bench(capsys, *words).out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--until=0.05",), "--until=0.05: write p=P with P between 0 and 0.5"),
        (("--until=p=2",), "--until=p=2: write p=P"),
        (("--until=p=0.05", "--level=0.9"), "--until has its own level, 1 - P: leave out --level"),
        (("--until=p=0.05", "--max-seeds=1"), "argument --max-seeds: 1: must be a whole number, 2 or more"),
        (("--until=p=0.05", "seed=1"), "leave out seed=1"),
        (("--max-seeds=4",), "--max-seeds=4 is the most seeds of --until: add --until=p=0.01"),
        (("--until=p=0.05", "bptt=often"), "bptt=often"),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, words, line):
    said = bench(capsys, "compare", "cell=gru", "cell=lstm", "task=copy", *words, f"results_dir={tmp_path}")
    assert said.code == 2 and line in the_line(said)


def test_seeds_of_a_folder_cannot_be_run(capsys, tmp_path):
    runs_of(tmp_path, "gru", {0: 0.5})
    said = bench(capsys, "compare", str(tmp_path), "cell=gru", "--until=p=0.05")
    assert said.code == 2 and "--until runs seeds of options or commits, not those of a folder" in the_line(said)
