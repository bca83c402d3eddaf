"""Each two cells compared: on a task as `bench.stats` compares them, over tasks by normalised gains."""

import pytest
from ranked import runs, views

from bench.stats.comparison import compare_all
from bench.tables.blocks import as_text
from bench.tables.pairs import ALL, blocks, of_task, to_frame


@pytest.fixture
def found():
    (view,) = views(
        runs("gru", 0.8), runs("lstm", 0.6), runs("rnn", 0.4),
        runs("gru", 0.9, "parity-v1"), runs("lstm", 0.7, "parity-v1"), runs("rnn", 0.5, "parity-v1"),
    )  # fmt: skip
    return view


def test_on_one_task_they_are_the_comparisons_of_all_pairs_at_once(found):
    frame = to_frame([found])
    task = found.tasks[0]
    rows = frame[frame["task"] == task.name]
    pairs = {(a, b): (found.scores[task][a], found.scores[task][b]) for a, b in zip(rows["a"], rows["b"], strict=True)}
    each = compare_all(pairs, found.scales[task])
    assert rows["p"].to_list() == [one.p for one in each.values()] and len(rows) == 3
    assert rows["gain"].to_list() == [one.gain.mean for one in each.values()]


def test_over_tasks_gains_are_shares_of_the_way_to_solved_and_pair_by_task_and_seed(found):
    over = of_task(to_frame([found])).set_index(["a", "b"])
    row = over.loc[("gru", "lstm")]
    assert (row["task"], row["tasks"], row["seeds"]) == (ALL, 2, 12)
    assert row["gain"] == pytest.approx(-0.2 / 0.8, abs=0.005) and row["improvement"] == 0 and row["verdict"] == "worse"
    assert row["p"] <= 0.05, "twelve gains are enough for an exact test of three pairs"


def test_seeds_that_are_not_shared_are_not_compared_over_tasks():
    (view,) = views(
        runs("gru", 0.8), runs("lstm", 0.6, seeds=3), runs("gru", 0.9, "x-v1"), runs("lstm", 0.7, "x-v1", seeds=2)
    )
    assert of_task(to_frame([view]))["seeds"].to_list() == [5]


def test_they_are_shown_by_task_in_the_width_of_a_screen(found):
    text = as_text(blocks(to_frame([found])), 80, "")
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith(f"{ALL}: normalised score\nfull; 1500 steps; ") and text.count("3 pairs at once") == 3
