"""A figure of a busy machine is never ranked with those of a quiet one, and has a mark wherever it stands alone."""

import math

import pytest
from factories import a_record, a_row

from bench.results.row import Row
from bench.tables.closing import doubts, summary
from bench.tables.marks import notes
from bench.tables.selection import in_order
from bench.tables.tabulate import tabulate
from bench.tables.text import to_markdown, to_text

SPEED = a_record().speed


def rows(*runs):
    """Runs of one row with these training speeds and marks."""
    return [a_row(seed=seed, train_tokens_per_s=speed, train_marks=marks) for seed, (speed, marks) in enumerate(runs)]


@pytest.mark.parametrize(
    ("runs", "speed", "marks"),
    [
        ([(100.0, None), (300.0, None)], 200.0, None),
        ([(100.0, None), (300.0, None), (1.0, "contended")], 200.0, None),
        ([(100.0, "unsettled"), (300.0, None)], 300.0, None),
        ([(1.0, "contended"), (3.0, "unsettled")], 2.0, "contended, unsettled"),
        ([(None, None), (3.0, "contended, unsettled")], 3.0, "contended, unsettled"),
    ],
    ids=["quiet", "a busy one among quiet", "an unsettled one", "none without a mark", "the quiet one has no figure"],
)
def test_a_marked_figure_counts_only_where_all_are_marked(runs, speed, marks):
    line = tabulate(rows(*runs)).to_dict("records")[0]
    assert (line["train_tokens_per_s"], line["train_marks"]) == (speed, marks)
    assert line["seeds"] == len(runs), "scores do not depend on it"


def test_a_figure_that_follows_from_a_marked_one_counts_where_that_does():
    """The work of a busy machine is not the median of a row whose mark says that the machine was quiet."""
    quiet, busy = rows((100.0, None), (1.0, "contended"))
    work = {"train_flop_per_s": 1e9, "peak_share": 0.5, "gemm_share": 0.25, "joules_a_token": 1e-4}
    slow = busy._replace(**dict.fromkeys(work, 0.01))
    line = tabulate([quiet._replace(**work), slow]).to_dict("records")[0]
    assert {name: line[name] for name in work} == work and line["train_marks"] is None
    line = tabulate([quiet._replace(**dict.fromkeys(work)), slow]).to_dict("records")[0]
    assert all(math.isnan(line[name]) for name in work), "the row's mark would not be theirs"


def test_a_machine_that_was_slower_in_some_runs_is_told():
    """As a host slows a virtual machine: no counter within tells, but all that is computed takes as much longer."""
    quiet, slow, busy = (a_row(seed=seed, peak_flop_per_s=peak) for seed, peak in enumerate((1.6e11, 8e10, 1e10)))
    another = quiet._replace(hardware="another", peak_flop_per_s=1e9)
    (line,) = notes([quiet, slow, busy._replace(train_marks="contended"), another])
    assert line.startswith(f"{quiet.hardware}: its large products went at 80 GFLOP/s to 160 GFLOP/s: the machine")
    assert not [*notes([quiet, slow._replace(peak_flop_per_s=1.4e11), slow._replace(peak_flop_per_s=None)])]


@pytest.mark.parametrize("column", ["train_tokens_per_s", "gemm_share"])
def test_a_marked_figure_is_in_order_behind_those_without_and_before_none(column):
    figures = {"a": (1.0, None), "b": (3.0, None), "c": (9.0, "contended"), "d": (None, None), "e": (5.0, "unsettled")}
    table = tabulate(
        a_row(cell=cell, train_tokens_per_s=figure, gemm_share=figure, train_marks=marks)
        for cell, (figure, marks) in figures.items()
    )
    assert [*in_order(table, column)["cell"]] == ["b", "a", "c", "e", "d"]
    assert [*in_order(table[["cell", column]], column)["cell"]] == ["c", "e", "b", "a", "d"], "marks are not known"


def test_printed_tables_have_a_sign_and_say_what_it_means():
    marked = [*rows((1500.0, "contended")), a_row(cell="lstm", step_marks="contended, unsettled")]
    for shown in (to_text(tabulate(marked)), to_markdown(tabulate(marked))):
        assert "1.5k!" in shown and "45.2!?" in shown and "150k!" not in shown
        assert "! measured while other work had the machine; ? speed was still changing when it was measured" in shown
    quiet = to_text(tabulate(rows((1500.0, None))))
    assert "!" not in quiet and "?" not in quiet


def marked(name, **marks):
    return {**SPEED, name: {**SPEED[name], "marks": marks}}


def test_the_marks_of_a_record_are_in_its_row_and_an_older_record_has_none():
    row = Row.of(a_record(speed=marked("step_us", contended="busy", unsettled="slower")), written=0)
    assert (row.step_marks, row.train_marks) == ("contended, unsettled", None)
    older = {name: {key: value for key, value in each.items() if key != "marks"} for name, each in SPEED.items()}
    assert Row.of(a_record(speed=older), written=0).train_marks is None and doubts(a_record(speed=older)) == {}


def test_the_closing_lines_say_which_figures_are_in_doubt_and_why():
    text = summary(a_record(speed=marked("train_tokens_per_s", contended="others had 1.9 of 2 cores")))
    assert "training 150k! tokens/s, inference 150k tokens/s" in text
    assert "training 25 GFLOP/s!, 50%! of the peak, products alone 75%! of a step, 0.0001! J a token" in text
    assert "  contended  train_tokens_per_s: others had 1.9 of 2 cores" in text.splitlines()
    both = {
        **marked("train_tokens_per_s", unsettled="+5%"),
        **{"step_us": {**SPEED["step_us"], "marks": {"unsettled": "-9%"}}},
    }
    assert doubts(a_record(speed=both)) == {"unsettled": "train_tokens_per_s, step_us: +5%"}
