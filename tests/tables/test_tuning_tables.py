"""The tables of a tuning: ranks before and after, what fewer trials would have found, and what went wrong."""

import math

import pytest
from factories import a_row

from bench.results.trial import Trial
from bench.stats.scale import Scale
from bench.tables.tuning import Tuned, best_of, curves, to_frame, to_text, trials_of

UP = Scale(direction="max", unit="share", chance=0.1, solved=1.0)
DOWN = Scale(direction="min")


def a_trial(score, rate=0.01, **facts):
    known = {"run": "a-run", "status": "done", "reason": None, "seconds": 2.0, "tokens": 1000}
    return Trial({"optimizer.lr": rate}, score, **{**known, **facts})


def tuned(cell, scores, before, after, scale=UP, valid=0.5, **changes):
    """A cell with the scores of its trials, and its mean scores on test before and after."""
    trials = [a_trial(score, 0.01 * (1 + n)) for n, score in enumerate(scores)]
    lots = [
        [
            a_row(cell=cell, seed=seed, test=mean + seed / 100, valid=at, direction=scale.direction, seconds=3.0)
            for seed in (1, 2)
        ]
        for mean, at in ((before, valid), (after, 0.6))
        if mean is not None
    ]
    known = {"task": "copy-v1", "metric": "accuracy", "budget": "10 steps", "best": best_of(trials, scale)}
    return Tuned(
        **{
            **known,
            "cell": cell,
            "scale": scale,
            "trials": trials,
            "default": lots[0],
            "tuned": [*lots, []][1],
            **changes,
        }
    )


def test_the_best_trial_is_the_first_with_the_best_score_in_the_metric_s_direction():
    trials = [a_trial(None), a_trial(0.5, 1), a_trial(0.9, 2), a_trial(0.9, 3), a_trial(0.1, 4)]
    assert best_of(trials, UP) is trials[2]
    assert best_of(trials, DOWN) is trials[4]
    assert best_of([a_trial(None)], UP) is None


@pytest.mark.parametrize(("scale", "ranks"), [(UP, [(1, 2), (2, 1)]), (DOWN, [(2, 1), (1, 2)])])
def test_ranks_follow_the_mean_score_in_the_metric_s_direction(scale, ranks):
    found = [tuned("gru", [0.5], 0.7, 0.75, scale), tuned("lstm", [0.5], 0.6, 0.8, scale)]
    frame = to_frame(found)
    assert [*zip(frame["default_rank"], frame["tuned_rank"], strict=True)] == ranks
    assert frame["default_score"].tolist() == pytest.approx([0.715, 0.615])
    said = ", ".join(f"{cell} {before} to {now}" for cell, (before, now) in zip(("gru", "lstm"), ranks, strict=True))
    assert f"\nranks that changed: {said}\n" in to_text(found, independent=True)


def test_ranks_are_of_one_task_and_equal_scores_share_one():
    found = [tuned(cell, [0.5], 0.7, 0.7, task=task) for task in ("a", "b") for cell in ("gru", "lstm")]
    assert to_frame(found)["tuned_rank"].tolist() == [1, 1, 1, 1]
    assert to_text(found, independent=True).count("ranks that changed: none") == 2


def test_the_cost_counts_every_run():
    frame = to_frame([tuned("gru", [0.5, None, 0.7], 0.7, 0.8)])
    assert frame[["trials", "failed", "runs", "trial_seconds", "seconds", "trial_tokens"]].iloc[0].tolist() == [
        3,
        1,
        7,
        6,
        18,
        3000,
    ]


def test_the_curve_counts_a_trial_without_a_score_as_the_worst_of_the_task():
    found = [
        tuned("gru", [0.5, None, 0.7], 0.7, 0.8),
        tuned("lstm", [0.3], 0.7, 0.8),
        tuned("gru", [0.0], 0.7, 0.8, task="b"),
    ]
    frame = curves(found)
    gru = frame[(frame["cell"] == "gru") & (frame["task"] == "copy-v1")]
    assert gru["so_far"].tolist() == [0.5, 0.5, 0.7]
    assert gru["expected"].tolist() == pytest.approx([0.5, (0.7 + 0.7 + 0.5) / 3, 0.7])
    down = curves([tuned("gru", [0.5, 0.2], 0.7, 0.8, DOWN)])
    assert down["so_far"].tolist() == [0.5, 0.2] and down["expected"].tolist() == pytest.approx([0.35, 0.2])


def test_a_cell_without_any_score_stands_in_the_tables_and_is_stated():
    none = tuned("lstm", [None, None], 0.6, None)
    text = to_text([tuned("gru", [0.5, 0.6], 0.7, 0.8), none], independent=True)
    assert "lstm: no trial has a score, so none is chosen; the first: done, None" in text
    assert next(line for line in text.splitlines() if line.startswith("lstm ")).split()[-1] == "-"
    assert math.isnan(to_frame([none])["tuned_score"][0]) and not none.is_done
    assert "expectation" not in to_text([none], independent=True)


def test_a_default_that_is_better_on_valid_is_said_to_be():
    text = to_text([tuned("gru", [0.5], 0.7, 0.8, valid=0.65)], independent=True)
    assert "gru: the default is better on valid, 0.65" in text
    assert "better on valid" not in to_text([tuned("gru", [0.5], 0.7, 0.8)], independent=True)


def test_trials_that_learn_from_earlier_ones_have_no_expectation():
    found = [tuned("gru", [0.5, 0.9, 0.7], 0.7, 0.8)]
    assert to_text(found, independent=True).splitlines()[-1].split() == ["gru", "0.7", "0.8333", "0.9"]
    text = to_text(found, independent=False)
    assert "in expectation" not in text and text.splitlines()[-1].split() == ["gru", "0.5", "0.9", "0.9"]


def test_every_trial_has_a_row():
    frame = trials_of([tuned("gru", [0.5, None], 0.7, 0.8)])
    assert frame["trial"].tolist() == [1, 2] and frame["optimizer.lr"].tolist() == [0.01, 0.02]
    assert {"score", "run", "status", "reason", "seconds", "tokens"} <= {*frame.columns}
