"""What training is best is seen on valid: no table is sorted by test where rows differ in training alone."""

import re

import pandas as pd
import pytest
from cli_tools import COPY, bench
from factories import a_row, publish
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.results.store import Store
from bench.tables.tabulate import tabulate
from bench.tables.text import to_markdown, to_text

scores = st.floats(0, 1)


@settings(max_examples=30)
@given(st.lists(st.tuples(scores, scores), min_size=2, max_size=5), st.sampled_from(["max", "min"]))
def test_trainings_of_one_cell_stand_in_the_order_of_valid(pairs, direction):
    rows = [
        a_row(bptt=f"full(optimizer.lr={n})", valid=valid, test=test, direction=direction)
        for n, (valid, test) in enumerate(pairs)
    ]
    assert list(tabulate(rows)["valid"]) == sorted((valid for valid, _ in pairs), reverse=direction == "max")


def test_the_test_score_of_the_training_that_valid_chose_gives_a_cell_its_place():
    """Cell `lucky` has the best test score of all, by a training that valid does not choose."""
    rows = [
        a_row(cell="lucky", bptt="a", valid=0.9, test=0.5),
        a_row(cell="lucky", bptt="b", valid=0.1, test=0.99),
        a_row(cell="solid", budget="9 steps", valid=0.6, test=0.7),
        a_row(cell="solid", valid=0.8, test=0.6),
        a_row(cell="failing", bptt="a", status="failed"),
        a_row(cell="solid", bptt="diverging", status="diverged"),
    ]
    table = tabulate(rows)
    assert list(zip(table["cell"], table["score"].fillna(0), strict=True)) == [
        ("solid", 0.6), ("solid", 0.7), ("lucky", 0.5), ("lucky", 0.99), ("failing", 0), ("solid", 0),
    ]  # fmt: skip


def test_valid_is_the_mean_over_seeds_and_none_where_a_seed_lacks_it():
    whole, part = [a_row(seed=s, valid=v) for s, v in enumerate([0.25, 0.75])], a_row(seed=2, valid=None)
    assert tabulate(whole)["valid"].item() == 0.5
    assert tabulate([*whole, part])["valid"].isna().item()


@pytest.mark.parametrize("shown", [to_text, to_markdown])
def test_the_order_is_said_where_a_cell_has_several_rows_and_nowhere_else(shown):
    several, one = [a_row(bptt="a"), a_row(bptt="b")], [a_row(cell="a"), a_row(cell="b", bptt="b")]
    assert "rows of one cell stand in the order of valid" in shown(tabulate(several))
    assert "in the order of" not in shown(tabulate(one))
    assert "in the order of" not in shown(tabulate([a_row(bptt="a"), a_row(bptt="b", status="failed")]))


def test_all_files_carry_valid(tmp_path, capsys):
    publish(Store(tmp_path), "run")
    bench(capsys, "leaderboard", f"results_dir={tmp_path}")
    assert [pd.read_csv(path)["valid"].item() for path in sorted(tmp_path.glob("*.csv"))] == [0.98, 0.98]


def test_a_sweep_over_learning_rates_shows_valid_in_its_lines_and_orders_its_table_by_it(tmp_path, capsys):
    said = bench(capsys, "-m", *COPY, "optimizer.lr=0.003,0.1,0.00001", f"results_dir={tmp_path / 'results'}")
    assert said.code == 0
    lines = re.findall(r"^\[.*done, test recall_accuracy [\d.e-]+, valid [\d.e-]+ after", said.out, re.MULTILINE)
    table = pd.read_csv(tmp_path / "results" / "leaderboard.csv")
    assert len(lines) == len(table) == 3
    assert table["valid"].is_monotonic_decreasing and "in the order of valid" in said.out


def test_tasks_of_both_directions_in_one_table_are_each_ordered_by_their_own():
    rows = [
        a_row(task=task, cell=cell, valid=score, test=score, direction=direction)
        for task, direction in (("a-loss-v1", "min"), ("b-share-v1", "max"))
        for cell, score in (("low", 0.1), ("high", 0.9), ("middle", 0.5))
    ]
    assert list(tabulate(rows)["cell"]) == ["low", "middle", "high", "high", "middle", "low"]
