"""The leaderboard: what counts in a row and what is kept apart."""

import math
from statistics import fmean, median

import pandas as pd
import pytest
from factories import a_failure, a_row
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.results.row import Row
from bench.stats.interval import mean_interval
from bench.stats.proportion import proportion
from bench.tables.columns import COLUMNS
from bench.tables.tabulate import select, tabulate

scores = st.floats(0, 1)


def only(rows):
    """The one row of the table over `rows`."""
    (line,) = tabulate(rows).to_dict("records")
    return line


def test_the_columns_are_the_public_ones_in_their_order():
    public = (
        "task cell bptt budget hardware chosen metric direction score ci_low ci_high interval valid seeds solved_seeds "
        "solved_low solved_high score_median score_min score_max seed_scores chance solved target gap_closed "
        "params train_tokens_per_s train_marks infer_tokens_per_s infer_marks prefill_tokens_per_s prefill_marks "
        "step_us step_p99_us real_time step_marks peak_mib evaluation_mib process_mib "
        "train_flop_per_s peak_share gemm_share joules_a_token reached unreached target_steps target_tokens "
        "target_seconds target_flops seconds done failed diverged timed_out out_of_memory"
    ).split()
    assert (
        [column.name for column in COLUMNS] == list(tabulate([]).columns) == list(tabulate([a_row()]).columns) == public
    )


@settings(max_examples=30)
@given(st.lists(scores, min_size=1, max_size=6))
def test_a_row_is_the_mean_over_its_seeds(tests):
    line = only([a_row(seed=seed, test=score, seconds=float(seed)) for seed, score in enumerate(tests)])
    mean, low, high, method = mean_interval(tests, within=(0, 1))
    assert (line["score"], line["ci_low"], line["ci_high"]) == pytest.approx((mean, low, high), nan_ok=True)
    assert line["interval"] == method if method else pd.isna(line["interval"])
    assert line["gap_closed"] == pytest.approx((fmean(tests) - 0.2) / 0.8)
    assert (line["seeds"], line["done"], line["seconds"]) == (len(tests), len(tests), median(range(len(tests))))
    assert (line["metric"], line["params"]) == ("recall_accuracy", 51_210)


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([a_row(seed=s, test=s / 8, cell=c) for s in range(8) for c in "ab"]), unique=True),
    st.randoms(),
)
def test_the_order_of_the_runs_changes_nothing(rows, shuffle):
    shuffled = rows.copy()
    shuffle.shuffle(shuffled)
    pd.testing.assert_frame_equal(tabulate(rows), tabulate(shuffled), check_exact=True)


@pytest.mark.parametrize("column", ["task", "cell", "bptt", "budget", "hardware"])
def test_runs_that_differ_in_a_key_column_are_never_averaged(column):
    assert list(tabulate([a_row(test=0.0), a_row(seed=1, test=1.0, **{column: "other"})])["score"]) in ([0, 1], [1, 0])


def attempts(*statuses):
    """Attempts at one run, each scoring its number."""
    return [a_row(id=f"run-{n}", finished=f"{2000 + n}", status=s, test=float(n)) for n, s in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "score", "counts"),
    [
        (["done", "done"], 1, (1, 0, 0)),
        (["done", "failed"], 0, (1, 0, 0)),
        (["failed", "diverged", "done"], 2, (1, 0, 0)),
        (["failed", "failed"], None, (0, 1, 0)),
        (["failed", "diverged"], None, (0, 0, 1)),
        (["failed", "out of memory"], None, (0, 0, 0)),
        (["failed", "interrupted"], None, (0, 1, 0)),
        (["done", "interrupted"], 0, (1, 0, 0)),
    ],
)
def test_of_the_attempts_at_a_run_the_latest_done_counts_else_the_latest(statuses, score, counts):
    line = only(attempts(*statuses))
    assert (line["done"], line["failed"], line["diverged"]) == counts
    assert line["score"] == score if score is not None else math.isnan(line["score"])
    assert line["seeds"] == line["done"]


def test_attempts_that_ended_in_the_same_second_are_ordered_by_their_number():
    rows = [a_row(id=f"run-{n}", test=float(n)) for n in (10, 9)]
    assert only(rows)["score"] == 10.0


OLDER = {"lowest": None, "highest": None, "target": None}
LOSS = {"metric": "mse", "unit": "squared error", "direction": "min", "chance": 0.25, "solved": 0.0, **OLDER}


def test_an_interval_stays_in_the_range_of_the_metric():
    """Of older records the unit tells the range, where it is a share."""
    two = [a_row(seed=seed, test=test) for seed, test in enumerate((0.1, 0.9))]
    assert 0 < only(two)["ci_low"] < only(two)["ci_high"] < 1 and only(two)["interval"] == "logit-t"
    assert only([row._replace(**OLDER) for row in two])["interval"] == "logit-t"
    loss = only([row._replace(**{**LOSS, "lowest": 0.0}) for row in two])
    assert loss["ci_low"] > 0 and loss["interval"] == "log-t"
    assert only([row._replace(**LOSS) for row in two])["interval"] == "t"


def test_a_record_with_a_score_beyond_its_range_has_an_interval_all_the_same():
    line = only([a_row(seed=seed, test=test) for seed, test in enumerate((0.9, 1.1))])
    assert (line["score"], line["interval"]) == (1.0, "t")


def test_seeds_that_reach_the_target_are_counted():
    tests = [0.96, 0.3, 1.0, 0.95]
    line = only([a_row(seed=seed, test=test) for seed, test in reversed([*enumerate(tests)])])
    assert (line["seeds"], line["solved_seeds"], line["target"]) == (4, 2, pytest.approx(0.96))
    assert (line["solved_low"], line["solved_high"]) == pytest.approx(proportion(2, 4)[1:3])
    assert (line["score_median"], line["score_min"], line["score_max"]) == (pytest.approx(0.955), 0.3, 1)
    assert line["seed_scores"] == "0.96 0.3 1.0 0.95", "in the order of the seeds"


def test_a_target_of_the_tasks_own_counts_and_without_one_none_are_counted():
    rows = [a_row(seed=seed, test=test, target=0.5) for seed, test in enumerate((0.5, 0.6, 0.4))]
    assert only(rows)["solved_seeds"] == 2
    assert only([row._replace(**{**LOSS, "target": 0.4}) for row in rows])["solved_seeds"] == 1
    line = only([row._replace(target=None, solved=None) for row in rows])
    assert pd.isna(line["solved_seeds"]) and math.isnan(line["solved_low"]) and line["score_median"] == 0.5


def test_one_score_is_the_mean_and_more_than_five_are_not_listed():
    listed = [only([a_row(seed=n) for n in range(count)])["seed_scores"] for count in (1, 2, 5, 6)]
    assert [pd.isna(scores) for scores in listed] == [True, False, False, True]


def test_interrupted_runs_alone_make_no_row():
    assert tabulate([a_row(status="interrupted")]).empty


def test_failures_of_other_seeds_are_counted_beside_the_score():
    others = ("failed", "diverged", "timed out", "out of memory")
    line = only([a_row(seed=0, test=0.5), *(a_row(seed=n, status=s, test=0.9) for n, s in enumerate(others, 1))])
    assert (line["score"], line["seeds"]) == (0.5, 1)
    assert [line[name] for name in ("done", "failed", "diverged", "timed_out", "out_of_memory")] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "timed out", "out of memory"])
def test_no_figure_of_a_run_that_did_not_end_well_is_in_a_score_a_median_or_a_most(status):
    """Though all of its figures are there, and beyond those of the others."""
    figures = [column.name for column in COLUMNS if column.of in ("median", "most")]
    assert {"params", "seconds", "step_us", "peak_mib", "train_tokens_per_s"} <= set(figures)
    done = [a_row(seed=seed, test=0.5 + seed / 8, **dict.fromkeys(figures, 10 + seed)) for seed in range(2)]
    worse = a_row(seed=2, status=status, test=0.0, valid=0.0, chance=0.9, solved=9.0, **dict.fromkeys(figures, 999))
    worse = worse._replace(target_reached=None)  # one that diverged counts among those that reach it or do not
    alone, beside = only(done), only([worse, *done, worse._replace(seed=3, id="run-3")])
    counts = {"failed", "diverged", "timed_out", "out_of_memory"}
    assert {name: beside[name] for name in beside if name not in counts} == {
        name: alone[name] for name in alone if name not in counts
    }
    assert [alone[name] for name in figures] == [11 if name == "params" else 10.5 for name in figures]
    assert sum(beside[name] for name in counts) == (0 if status == "interrupted" else 2)


def test_the_newer_of_two_runs_of_one_seed_takes_the_others_place():
    """As when the harness's own code was edited in between. The record says which is newer: a copy of the folder has
    other times of writing."""
    rows = [
        a_row(seed=0, identity="a", test=0.2, finished="2026-01-01", written=2),
        a_row(seed=0, identity="b", test=0.4, finished="2026-01-02", written=1),
    ]
    line = only([*rows, a_row(seed=1, test=0.7)])
    assert (line["seeds"], line["done"]) == (2, 2)
    assert (line["score"], line["ci_low"]) == pytest.approx(mean_interval([0.4, 0.7], within=(0, 1))[:2])


def test_without_a_test_score_the_valid_score_counts_and_is_called_so():
    line = only([a_row(test=None, valid=0.5)])
    assert (line["metric"], line["score"]) == ("valid recall_accuracy", 0.5)


def test_a_score_that_some_runs_lack_is_none():
    line = only([a_row(seed=0, test=0.9, valid=None), a_row(seed=1, test=None, valid=0.5)])
    assert math.isnan(line["score"]) and line["seeds"] == 2


def test_without_a_solved_score_no_gap_is_closed():
    assert math.isnan(only([a_row(solved=None)])["gap_closed"])


def test_different_data_under_one_label_are_kept_apart():
    old, new, failed = (a_row(seed=s, fingerprint=f, test=0.1 * s) for s, f in enumerate(["0" * 64, "1" * 64, None]))
    assert list(tabulate([old, new, failed])["task"]) == ["copy-v1", "copy-v1@00000000", "copy-v1@11111111"]
    assert only([new, failed._replace(status="failed")])["failed"] == 1
    alike = tabulate([old, new._replace(fingerprint="0" * 63 + "1")])
    assert list(alike["task"]) == [f"copy-v1@{'0' * 64}", f"copy-v1@{'0' * 63}1"]


@settings(max_examples=30)
@given(st.lists(scores, min_size=2, max_size=5), st.sampled_from(["max", "min"]))
def test_the_best_score_comes_first_and_none_last(tests, direction):
    rows = [a_row(cell=str(n), test=score, direction=direction) for n, score in enumerate(tests)]
    ranked = list(tabulate([*rows, a_row(cell="broken", status="failed")])["score"])
    assert ranked[:-1] == sorted(tests, reverse=direction == "max") and math.isnan(ranked[-1])


def test_machines_are_not_ranked_against_each_other():
    rows = [a_row(hardware=h, cell=c, test=t) for h, c, t in (("b", "x", 0.9), ("a", "x", 0.1), ("a", "y", 0.2))]
    assert list(tabulate(rows)["hardware"]) == ["a", "a", "b"]


def test_valid_scores_are_not_ranked_among_test_scores():
    rows = [a_row(cell="a", test=0.5), a_row(cell="b", test=None, valid=0.3), a_row(cell="c", test=0.1)]
    assert list(tabulate(rows)["cell"]) == ["a", "c", "b"]


def test_a_sweep_can_be_tabulated_by_itself():
    rows = [a_row(seed=seed) for seed in range(5)]
    assert [row.seed for row in select(rows, {"run-1", "run-3", "unknown"})] == [1, 3]


def test_runs_that_never_reach_the_target_are_counted_and_so_are_those_that_diverge():
    never = {"target_reached": False, "target_steps": None, "target_seconds": None}
    rows = [a_row(seed=0, target_steps=300), a_row(seed=1, target_steps=500), a_row(seed=2, status="diverged", **never)]
    line = only([*rows, a_row(seed=3, status="failed", **never)])
    assert (line["reached"], line["unreached"], line["target_steps"]) == (2, 1, 500)
    line = only([*rows, a_row(seed=3, **never), a_row(seed=4, **never)])
    assert (line["reached"], line["unreached"], line["target_steps"]) == (2, 3, math.inf)


def test_a_figure_that_some_runs_lack_has_no_time_to_target():
    line = only([a_row(seed=0), a_row(seed=1, target_flops=None)])
    assert math.isnan(line["target_flops"]) and line["target_steps"] == 700
    assert math.isnan(only([a_row(target_reached=None)])["target_seconds"])


def test_runs_with_other_data_seeds_are_replicates_of_one_row():
    grid = {(seed, data): seed / 10 + data / 100 for seed in range(3) for data in range(3)}
    line = only([a_row(id=f"{n}", seed=n[0], seed_data=n[1], test=score) for n, score in grid.items()])
    assert (line["seeds"], line["done"], line["interval"]) == (9, 9, "crossed-t")
    assert line["score"] == pytest.approx(0.11)
    alone = mean_interval([*grid.values()], within=(0, 1))
    assert line["ci_low"] < alone.low < alone.high < line["ci_high"]


def test_a_data_seed_that_is_the_seed_is_a_repeat():
    line = only([a_row(id="a", seed=3, test=0.2), a_row(id="b", seed=3, seed_data=3, test=0.4, finished="2100")])
    assert (line["seeds"], line["score"]) == (1, 0.4)


def test_scores_of_two_directions_are_in_no_mean_together():
    edited = a_row(seed=1, test=0.1, direction="min")
    failed = Row.of(a_failure(seed=2), 1)._replace(id="failed")
    frame = tabulate([a_row(test=0.5), edited, a_row(seed=3, test=0.7), failed])
    assert frame[["direction", "score", "done", "failed"]].to_numpy().tolist() == [
        ["max", pytest.approx(0.6), 2, 1], ["min", 0.1, 1, 0],
    ]  # fmt: skip
