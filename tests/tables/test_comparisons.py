"""Two sides of stored runs: which rows belong together, what is not compared, and what is said beside the figures."""

from pathlib import Path

import pytest
from factories import a_record
from two_sides import ALIKE, BETTER, runs_of

from bench.stats.interval import mean_interval
from bench.tables.comparison_text import to_text, to_tree
from bench.tables.comparisons import compare_sides
from bench.tables.sides import side


def a_side(results: Path, **where):
    """The runs that fit, as a side whose words name all columns but the task."""
    return side(
        str(where or results), results, {k: [v] for k, v in where.items()}, where.keys() - {"task"}, pytest.fail
    )


def compared(results: Path, first="gru", second="lstm", **where):
    return compare_sides(a_side(results, cell=first, **where), a_side(results, cell=second, **where))


def the_one(found):
    (one,) = found.found
    return one


def test_a_cell_that_is_better_is_told_to_be_so_and_the_other_way_round_to_be_worse(tmp_path):
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "lstm", BETTER)
    found = compared(tmp_path)
    one = the_one(found)
    assert (one.comparison.verdict, found.worse, one.comparison.paired) == ("better", False, True)
    assert one.comparison.gain.mean == pytest.approx(0.335)
    assert one.means == tuple(mean_interval([*scores], within=(0, 1)) for scores in (ALIKE, BETTER))
    assert compared(tmp_path, "lstm", "gru").worse


def test_where_less_is_better_a_larger_score_is_worse(tmp_path):
    runs_of(tmp_path, "gru", ALIKE, metric={"direction": "min", "chance": 2.0, "solved": 0.0})
    runs_of(tmp_path, "lstm", BETTER, metric={"direction": "min", "chance": 2.0, "solved": 0.0})
    assert compared(tmp_path).worse


def test_a_cell_against_itself_is_not_worse(tmp_path):
    runs_of(tmp_path / "a", "gru", ALIKE)
    runs_of(tmp_path / "b", "gru", ALIKE[::-1])
    found = compare_sides(a_side(tmp_path / "a"), a_side(tmp_path / "b"))
    assert not found.worse and the_one(found).comparison.verdict != "better"


def test_several_comparisons_are_corrected_together(tmp_path):
    for task in ("copy-v1", "copy-v2", "copy-v3"):
        runs_of(tmp_path, "gru", ALIKE, labels={"task": task})
        runs_of(tmp_path, "lstm", BETTER, labels={"task": task})
    one, three = compared(tmp_path, task="copy-v1"), compared(tmp_path)
    assert [each.comparison.p for each in three.found] == [pytest.approx(3 * the_one(one).comparison.p)] * 3
    assert "p corrected for 3 comparisons (Holm)" in to_text(three, 200)


def test_other_seeds_are_compared_unpaired_and_named(tmp_path):
    runs_of(tmp_path, "gru", {0: 0.5, 1: 0.6, 2: 0.4})
    runs_of(tmp_path, "lstm", {1: 0.5, 2: 0.6, 3: 0.4})
    one = the_one(compared(tmp_path))
    assert not one.comparison.paired
    assert "unpaired: A has seeds 0, 1, 2, B 1, 2, 3" in one.notes


def test_one_seed_has_no_p_and_is_told_to_be_too_few(tmp_path):
    runs_of(tmp_path, "gru", {0: 0.5})
    runs_of(tmp_path, "lstm", {0: 0.9})
    found = compared(tmp_path)
    assert the_one(found).comparison.words == "too few seeds: one shows no spread"
    assert not found.worse


def test_runs_that_diverged_are_counted_and_in_no_mean(tmp_path):
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "lstm", BETTER[:6])
    runs_of(tmp_path, "lstm", {6: 0.0, 7: 0.0}, status="diverged", reason="NaN")
    one = the_one(compared(tmp_path))
    assert "B: of 8 runs 2 diverged; these are in no mean" in one.notes
    assert one.comparison.seeds == (8, 6) and not one.comparison.paired


def test_a_side_whose_runs_all_diverge_has_lost(tmp_path):
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "lstm", {0: 0.0, 1: 0.0}, status="diverged", reason="NaN")
    found = compared(tmp_path)
    assert found.lost and found.worse and not found.found
    assert found.left == ["copy-v1, gru | lstm: B has no run that is done (2 diverged: NaN)"]
    assert "\nB is worse: it has no run that is done where A has some" in to_text(found, 200)
    other = compared(tmp_path, "lstm", "gru")
    assert not other.worse and "B is worse" not in to_text(other, 200)


def test_different_budgets_are_not_compared_unless_the_sides_name_them(tmp_path):
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "lstm", BETTER, labels={"budget": "9 steps"})
    found = compared(tmp_path)
    assert not found.found
    assert [line.split(",")[0] for line in found.left] == ["only A has copy-v1", "only B has copy-v1"]
    named = compare_sides(a_side(tmp_path, cell="gru", budget="1500 steps"), a_side(tmp_path, budget="9 steps"))
    assert the_one(named).comparison.verdict == "better"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"fingerprint": "f" * 64}, "other data: A's have the fingerprint none, B's ffffffffffff"),
        ({"metric": {"direction": "min"}}, "another direction: A has max, B min"),
        ({"metric": {"name": "accuracy"}}, "another metric: A has recall_accuracy, B accuracy"),
        ({"metric": {"test": None}}, "A is scored on test, B on valid"),
    ],
)
def test_what_is_no_comparison_is_refused_in_a_line(tmp_path, changes, line):
    runs_of(tmp_path / "a", "gru", ALIKE)
    runs_of(tmp_path / "b", "gru", ALIKE, **changes)
    found = compare_sides(a_side(tmp_path / "a"), a_side(tmp_path / "b"))
    assert not found.found and found.left == [f"copy-v1, gru: {line}"]


def test_a_side_of_two_directions_is_not_compared(tmp_path):
    runs_of(tmp_path / "a", "gru", dict(enumerate(ALIKE)))
    runs_of(tmp_path / "b", "gru", {0: 0.5, 1: 0.4})
    runs_of(tmp_path / "b", "gru", {2: 0.3}, metric={"direction": "min"})
    found = compare_sides(a_side(tmp_path / "a"), a_side(tmp_path / "b"))
    assert not found.found and "B has runs in several metrics, 2 in recall_accuracy (max), 1 in recall" in found.left[0]


def test_a_cell_that_is_missing_on_one_side_is_named(tmp_path):
    for cell in ("gru", "lstm"):
        runs_of(tmp_path / "a", cell, ALIKE)
    runs_of(tmp_path / "b", "gru", BETTER)
    found = compare_sides(a_side(tmp_path / "a"), a_side(tmp_path / "b"))
    assert the_one(found).pair.label("cell") == "gru"
    assert found.left == [f"only A has copy-v1, lstm, full, 1500 steps, {a_record().labels['hardware']}"]


def test_a_label_in_full_wins_over_those_that_begin_with_it_and_several_are_refused(tmp_path):
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "gru(model.hidden=8)", BETTER)
    runs_of(tmp_path, "lstm(model.hidden=8)", ALIKE)
    runs_of(tmp_path, "lstm(model.hidden=9)", ALIKE)
    assert the_one(compared(tmp_path, "gru", "gru(model.hidden=8)")).comparison.verdict == "better"
    (line,) = compared(tmp_path, "gru", "lstm").left
    assert line.startswith("copy-v1: several rows of B fit (lstm(model.hidden=8); lstm(model.hidden=9)): name one")


def test_speeds_are_compared_on_one_machine_that_was_quiet(tmp_path):
    speed = a_record().speed
    fast = {**speed, "train_tokens_per_s": {**speed["train_tokens_per_s"], "median": 3e5}}
    busy = {**speed, "train_tokens_per_s": {**speed["train_tokens_per_s"], "marks": {"contended": "a build"}}}
    runs_of(tmp_path, "gru", ALIKE)
    runs_of(tmp_path, "lstm", ALIKE, speed=fast)
    runs_of(tmp_path, "mgu", ALIKE, speed=busy)
    runs_of(tmp_path, "rhn", ALIKE, labels={"hardware": "another"})
    assert the_one(compared(tmp_path)).ratios["train_tokens_per_s"].median == 2
    doubted = the_one(compared(tmp_path, second="mgu"))
    assert "train_tokens_per_s" not in doubted.ratios and "infer_tokens_per_s" in doubted.ratios
    assert doubted.notes == ["not compared, since contended: train tok/s"]
    runs_of(tmp_path, "irnn", ALIKE, speed=None)
    assert not the_one(compared(tmp_path, second="irnn")).ratios
    elsewhere = the_one(compared(tmp_path, second="rhn"))
    assert not elsewhere.ratios and elsewhere.notes == ["speeds are not compared: the hardware differs"]


def test_what_differs_stands_side_by_side_and_nothing_else(tmp_path):
    config = a_record().config
    runs_of(tmp_path, "gru", ALIKE, config={**config, "seed": 1, "results_dir": "here"})
    runs_of(tmp_path, "lstm", ALIKE, config={**config, "clip": {"norm": 2.0}, "results_dir": "there"}, params=9)
    found = compared(tmp_path)
    assert the_one(found).differing == [("clip.norm", "1.0", "2.0"), ("parameters", "51210", "9")]
    assert to_text(found, 200).splitlines()[-3:] == [
        "what differs  A      B",
        "clip.norm     1.0    2.0",
        "parameters    51210  9",
    ]


def test_the_tree_has_each_score_and_no_number_that_is_none(tmp_path):
    runs_of(tmp_path, "gru", {0: 0.5})
    runs_of(tmp_path, "lstm", {0: 0.75})
    tree = to_tree(compared(tmp_path))
    (one,) = tree["comparisons"]
    assert one["scores"] == {"a": {"0": 0.5}, "b": {"0": 0.75}}
    assert one["gain"] == {"mean": 0.25, "low": None, "high": None, "method": ""}
    assert (tree["worse"], one["verdict"], one["cell"]) == (False, "too few seeds", {"a": "gru", "b": "lstm"})


def test_runs_of_one_seed_count_once_and_this_is_said_and_few_split_seeds_are_told_one_by_one(tmp_path):
    runs_of(tmp_path, "gru", {0: 0.5, 1: 0.99, 2: 0.4})
    runs_of(tmp_path, "gru", {0: 0.7, 1: 0.97, 2: 0.6}, config={"seeds": {"data": 9, "split": None}})
    runs_of(tmp_path, "lstm", {0: 0.5, 1: 0.6, 2: 0.4})
    one = the_one(compared(tmp_path))
    assert one.comparison.paired and one.comparison.seeds == (3, 3)
    assert one.scores[0] == {0: 0.6, 1: pytest.approx(0.98), 2: 0.5}
    assert one.means[0].method == "crossed-t" and one.means[0].mean == pytest.approx(0.6933333)
    assert any(note.startswith("A: 6 runs count as 3, by seed") for note in one.notes)
    assert "seeds on target: A 1 of 3 (0.6, 0.98, 0.5), B 0 of 3 (0.5, 0.6, 0.4)" in one.notes
    assert not any(name.startswith("seed") for name, _, _ in one.differing)
