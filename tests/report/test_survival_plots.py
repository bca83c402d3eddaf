"""The plot of the runs that have reached their target counts those that never do."""

import pandas as pd
import pytest
from factories import a_record

from bench.report.survival_plots import reached
from bench.tables.curves import Run, panels

COLUMNS = ["step", "tokens", "seconds", "train_loss", "valid_recall_accuracy"]
NEVER = dict.fromkeys(("steps", "tokens", "seconds", "flops"))


def a_run(cell, seed, step, **changes):
    """A run of 50 steps that reaches its target at a step; None for never."""
    found = {"steps": step, "tokens": 100 * (step or 0), "seconds": (step or 0) / 10, "flops": None}
    to_target = {"reached": step is not None, **(NEVER if step is None else found)}
    labels = {**a_record().labels, "cell": cell}
    given = {"id": f"{cell}-{seed}", "cell": cell, "seed": seed, "labels": labels, "to_target": to_target}
    rows = [(10 * n, 1000 * n, n, 1.0, 0.5) for n in range(1, 6)]
    return Run(a_record(**{**given, **changes}), pd.DataFrame(rows, columns=COLUMNS))


RUNS = [
    a_run("gru", 0, 10),
    a_run("gru", 1, 30),
    a_run("gru", 2, 10),
    a_run("gru", 3, None, status="diverged"),
    a_run("gru", 4, None, status="failed"),
    a_run("lstm", 0, None),
    a_run("lstm", 1, 50),
]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(("against", "unit"), [("steps", 10), ("tokens", 1000), ("seconds", 1)])
def test_a_line_rises_with_each_run_that_gets_there_and_ends_with_the_longest(against, unit):
    figure = reached(panels(RUNS), against)
    (axes,) = figure.axes
    gru, lstm = axes.lines
    assert [*gru.get_xdata()] == [0, unit, 3 * unit, 5 * unit] and [*gru.get_ydata()] == [0, 0.5, 0.75, 0.75]
    assert [*lstm.get_xdata()] == [0, 5 * unit, 5 * unit] and [*lstm.get_ydata()] == [0, 0.5, 0.5]
    assert {line.get_drawstyle() for line in axes.lines} == {"steps-post"}
    assert axes.get_title() == "copy-v1\ntarget: recall_accuracy 0.96 on valid"


def test_the_legend_counts_the_runs_and_leaves_out_those_that_tell_nothing():
    labels = legend(reached(panels(RUNS)))
    assert any("3 of 4 runs" in label for label in labels) and any("1 of 2 runs" in label for label in labels)


def test_a_cell_that_never_gets_there_lies_on_the_ground():
    (axes,) = reached(panels([a_run("lstm", seed, None) for seed in range(3)])).axes
    assert {*axes.lines[0].get_ydata()} == {0}
