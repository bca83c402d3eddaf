"""Rows with equal labels and different code or data are told apart, and a line says why."""

import pytest
from factories import a_row

from bench.tables.marks import notes, told_apart
from bench.tables.tabulate import tabulate

CELLS = {"one": {"task_code": "1" * 16, "cell_code": "a" * 16}, "other": {"task_code": "1" * 16, "cell_code": "b" * 16}}
UNKNOWN = dict.fromkeys(("task_code", "cell_code", "files_code", "optimizer_code", "schedule_code"))
OLD = UNKNOWN | {"harness": None}


def rows(*codes):
    return [a_row(seed=seed, test=0.1 * seed, **code) for seed, code in enumerate(codes)]


def test_runs_of_one_code_are_one_row_without_a_mark():
    (line,) = tabulate(rows(CELLS["one"], CELLS["one"])).to_dict("records")
    assert (line["cell"], line["seeds"]) == ("gru", 2)
    assert list(notes(rows(CELLS["one"], CELLS["one"]))) == []


def test_runs_of_two_codes_of_a_cell_are_two_rows_and_a_line_says_why():
    two = rows(CELLS["one"], CELLS["other"], CELLS["other"])
    table = tabulate(two)
    assert sorted(zip(table["cell"], table["seeds"], strict=True)) == [("gru#aaaaaaaa", 1), ("gru#bbbbbbbb", 2)]
    assert list(notes(two)) == ["rows marked # have equal names and different code: gru (2 codes)"]


@pytest.mark.parametrize(
    ("role", "column"),
    [("task", "task"), ("cell", "cell"), ("files", "cell"), ("optimizer", "bptt"), ("schedule", "bptt")],
)
def test_the_mark_is_on_the_label_of_the_part_whose_code_differs(role, column):
    base = {"task_code": "1", "cell_code": "2", "optimizer_code": "3", "schedule_code": "4"}
    marked = told_apart(rows(base, base | {f"{role}_code": "9"}))
    for name in ("task", "cell", "bptt"):
        assert ("#" in getattr(marked[0], name), "#" in getattr(marked[1], name)) == (name == column,) * 2
    assert len(tabulate(rows(base, base | {f"{role}_code": "9"}))) == 2


def test_a_run_that_failed_before_it_had_code_has_no_mark_of_its_own():
    failed = a_row(seed=2, status="failed", test=None, **UNKNOWN)
    (line,) = tabulate([*rows(CELLS["one"], CELLS["one"]), failed]).to_dict("records")
    assert (line["cell"], line["failed"]) == ("gru", 1)


def test_records_without_code_share_a_row_and_are_told_apart_from_those_with_code():
    old = rows(OLD, OLD)
    assert len(tabulate(old)) == 1
    table = tabulate([*old, a_row(seed=3, **CELLS["one"])])
    assert set(table["cell"]) == {"gru#?", "gru#aaaaaaaa"}
    assert set(table["task"]) == {"copy-v1"}, "which stay beside each other"
    (line,) = notes(old)
    assert line.startswith("runs without a statement of their plugins' code, as in older records: 2;")


def test_a_row_over_several_versions_of_the_harness_is_said_so():
    """It stays one row: most edits of the harness change no result, but nobody else can know."""
    several = [a_row(seed=0, harness="a"), a_row(seed=1, harness="b"), a_row(seed=0, cell="lstm", harness="a")]
    assert len(tabulate(several)) == 2
    assert list(notes(several)) == ["rows over different versions of bench's own code: 1; rerun=all makes runs anew"]
    assert list(notes([a_row(seed=0, harness="a"), a_row(seed=1, harness="b", status="failed")])) == []


def test_data_are_marked_before_code_on_one_label():
    first = a_row(fingerprint="1" * 64, task_code="c" * 16)
    second = a_row(seed=1, fingerprint="2" * 64, task_code="d" * 16)
    assert [row.task for row in told_apart([first, second])] == [
        "copy-v1@11111111#cccccccc",
        "copy-v1@22222222#dddddddd",
    ]


def test_a_mark_is_as_long_as_it_must_be():
    codes = [{"cell_code": "a" * 12 + end} for end in ("1", "2")]
    assert {row.cell for row in told_apart(rows(*codes))} == {f"gru#{'a' * 12}1", f"gru#{'a' * 12}2"}
