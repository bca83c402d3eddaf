"""Plots of several runs show their numbers: lines, bands, runs that diverged, intervals and doubts."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import a_record, a_score

from bench.report.curve_plots import curves, score_and_speed
from bench.tables.curves import Run, panels

COLUMNS = ["step", "tokens", "seconds", "train_loss", "valid_recall_accuracy"]


def a_run(cell, seed, scores, **changes):
    """A run that was validated every ten steps."""
    labels = {**a_record().labels, "cell": cell}
    record = a_record(**{"id": f"{cell}-{seed}", "cell": cell, "seed": seed, "labels": labels, **changes})
    rows = [(10 * n, 1000 * n, n / 2, 100 / 10**n, score) for n, score in enumerate(scores, 1)]
    return Run(record, pd.DataFrame(rows, columns=COLUMNS))


RUNS = [
    a_run("gru", 0, [0.2, 0.4]),
    a_run("gru", 1, [0.4, 1.0]),
    a_run("gru", 2, [0.1], status="diverged"),
    a_run("lstm", 0, [0.3, 0.3]),
]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(("against", "xs"), [("steps", [10, 20]), ("tokens", [1000, 2000]), ("seconds", [0.5, 1.0])])
def test_a_line_is_the_mean_and_has_a_band_and_a_diverged_run_a_line_of_its_own(against, xs):
    figure = curves(panels(RUNS), against)
    (axes,) = figure.axes
    gru, diverged, cross, lstm, chance = axes.lines
    assert [*gru.get_xdata()] == xs and [*gru.get_ydata()] == pytest.approx([0.3, 0.7])
    (band,) = axes.collections
    assert band.get_paths()[0].get_extents().y0 == 0.2 and band.get_paths()[0].get_extents().y1 == 1.0
    assert [*diverged.get_ydata()] == [0.1] == [*cross.get_ydata()] and cross.get_marker() == "x"
    assert diverged.get_color() == gru.get_color() != lstm.get_color() and [*chance.get_ydata()] == [0.2, 0.2]
    assert legend(figure) == ["gru (1 of 3 diverged)", "lstm", "chance"]
    assert "lowest to the highest" in figure.legends[0].get_title().get_text()


def test_another_column_is_drawn_and_a_loss_over_decades_on_a_logarithmic_scale():
    (axes,) = curves(panels(RUNS), "steps", "train_loss").axes
    assert [*axes.lines[0].get_ydata()] == [10, 1] and axes.get_yscale() == "linear"
    falling = [a_run("gru", 0, [0.1, 0.2, 0.3])]
    (axes,) = curves(panels(falling), "steps", "train_loss").axes
    assert axes.get_yscale() == "log" and len(axes.lines) == 1, "chance is of the metric alone"


def test_a_line_without_seeds_has_no_band_and_the_legend_does_not_speak_of_one():
    figure = curves(panels(RUNS[3:]))
    assert not figure.axes[0].collections and figure.legends[0].get_title().get_text() in ("", "None")


def test_scores_stand_over_speeds_with_intervals_and_doubts():
    speed = a_record().speed
    doubtful = {
        **speed,
        "train_tokens_per_s": {**speed["train_tokens_per_s"], "median": 3e4, "marks": {"contended": "by"}},
    }
    runs = [a_run("gru", seed, [0.5], metric=a_score(0.8 + seed / 10)) for seed in (0, 1)]
    runs.append(a_run("lstm", 0, [0.5], speed=doubtful, metric=a_score(0.5)))
    figure = score_and_speed(panels(runs))
    (axes,) = figure.axes
    gru, lstm = (container.lines[0] for container in axes.containers)
    assert [*gru.get_xydata()[0]] == pytest.approx([1.5e5, 0.85]) and [*lstm.get_xydata()[0]] == [3e4, 0.5]
    assert gru.get_markerfacecolor() == gru.get_color() and lstm.get_markerfacecolor() == "white"
    assert axes.get_ylabel() == "recall_accuracy on test,\nhigher is better"
    assert "open mark: measured while other work had the machine" in figure.legends[0].get_title().get_text()
    (bars, _) = (container.lines[2] for container in axes.containers)
    low, high = bars[0].get_segments()[0][:, 1]
    assert low < 0.8 and 0.9 < high <= 1


def test_a_line_without_a_speed_is_named_and_has_no_mark():
    figure = score_and_speed(panels([a_run("gru", 0, [0.5], status="diverged", speed=None)]))
    assert legend(figure)[0] == "gru (diverged)" and not len(figure.axes[0].lines[0].get_xdata())
