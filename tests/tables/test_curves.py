"""Curves of several runs: those of a row of the leaderboard are a line, those of a task a panel."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import a_failure, a_record, a_score
from hypothesis import given
from hypothesis import strategies as st

from bench.tables.curves import Run, course, panels


def a_run(rows=((1, 0.25), (2, 0.5)), **changes):
    """A run with a curve of (step, score)."""
    record = a_record(**{"id": f"run-{len(RUNS)}", "identity": f"identity-{len(RUNS)}", **changes})
    RUNS.append(record)
    return Run(record, pd.DataFrame(rows, columns=["step", "valid_recall_accuracy"], dtype="float64"))


RUNS: list[object] = []


def of_cell(cell, **changes):
    return a_run(cell=cell, labels={**a_record().labels, "cell": cell}, **changes)


def labels_of(*runs, **apart):
    return [[line.label for line in panel.lines] for panel in panels(runs, **apart)]


def test_seeds_are_one_line_and_cells_are_others():
    (panel,) = panels([of_cell("gru"), of_cell("lstm"), of_cell("gru", seed=1)])
    assert [(line.label, [run.record.seed for run in line.runs]) for line in panel.lines] == [
        ("gru", [0, 1]),
        ("lstm", [0]),
    ]
    assert (panel.title, panel.column, panel.chance) == ("copy-v1", "valid_recall_accuracy", 0.2)


def test_a_line_is_called_by_the_options_in_which_it_differs():
    small, default = {"clip": {"norm": 0.1}, "init": {"gain": 1}}, {"clip": {"norm": None}, "init": {"gain": 1}}
    key = a_record().labels
    one = a_run(
        config=small, changed={"clip.norm": 0.1, "init": "normal"}, labels={**key, "bptt": "full(clip.norm=0.1)"}
    )
    other = a_run(config=default, changed={"clip.norm": None}, labels={**key, "bptt": "full(clip.norm=null)"})
    assert labels_of(one, other) == [["clip.norm=0.1, init=normal", "clip.norm=null, init=default"]]
    assert labels_of(one) == [["gru"]]


def test_other_code_and_other_machines_are_never_averaged():
    code = a_record().code
    edited = a_run(code={**code, "cell": "0ther"})
    (marked,) = labels_of(a_run(), edited)
    assert [label.partition("#")[0] for label in marked] == ["gru", "gru"] and marked[0] != marked[1]
    elsewhere = a_run(labels={**a_record().labels, "hardware": "another processor"})
    here = a_record().labels["hardware"]
    assert labels_of(a_run(), elsewhere) == [[here, "another processor"]]
    assert labels_of(a_run(), elsewhere, apart=["hardware"]) == [["gru"], ["gru"]]


def test_each_task_has_its_panel_and_its_own_chance_where_lines_share_one():
    other = a_run(task="adding-v1", metric=a_score(0.1, name="mse"), labels={**a_record().labels, "task": "adding-v1"})
    assert [panel.title for panel in panels([a_run(), other])] == ["copy-v1", "adding-v1"]
    longer = {**a_record().labels, "task": "copy-v1(delay=9)"}
    (panel,) = panels([a_run(), a_run(metric=a_score(0.5, chance=0.1), labels=longer, changed={"task.delay": 9})])
    assert panel.title == "copy-v1" and panel.chance is None


def test_of_attempts_with_one_seed_the_latest_is_taken_and_what_has_no_metric_is_left_out():
    early, late = (a_run(finished=f"2026-01-0{day}T12:00:00+00:00") for day in (1, 2))
    unknown = Run(a_failure(id="failed"), pd.DataFrame())
    (panel,) = panels([late, unknown, early])
    assert [run.record.id for run in panel.lines[0].runs] == [late.record.id]


def test_a_course_is_the_mean_with_the_lowest_and_the_highest():
    found = course([a_run([(1, 0.2), (2, 0.4)]), a_run([(1, 0.4), (2, 1.0)])], "step", "valid_recall_accuracy")
    assert found["x"].tolist() == [1, 2]
    assert found["mean"].tolist() == pytest.approx([0.3, 0.7])
    assert found["low"].tolist() == [0.2, 0.4] and found["high"].tolist() == [0.4, 1.0]


@given(st.lists(st.lists(st.integers(1, 50), min_size=2, max_size=6, unique=True), min_size=1, max_size=4))
def test_seeds_that_were_validated_at_other_times_are_compared_where_all_were_trained(steps):
    """Of straight lines, however sampled, the course is the straight line, and never beyond what all have reached."""
    runs = [a_run([(step, step / 50) for step in sorted(each)]) for each in steps]
    found = course(runs, "step", "valid_recall_accuracy")
    assert found["mean"].tolist() == pytest.approx((found["x"] / 50).tolist())
    assert found["x"].between(max(map(min, steps)), min(map(max, steps))).all()


def test_a_run_without_a_curve_is_in_no_course():
    column = "valid_recall_accuracy"
    empty = Run(a_record(), pd.DataFrame())
    assert course([empty], "step", column).empty
    assert course([empty, a_run()], "step", column)["mean"].tolist() == [0.25, 0.5]
