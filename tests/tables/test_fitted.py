"""Tables fit a screen: texts fold, spare columns go, and nothing that is shown is changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tables.fitted import Field, lines
from bench.tables.shared import without_shared

FIELDS = [
    Field("cell", ["gru(model.hidden=64, model.layers=2)", "lstm"], left=True),
    Field("score", ["0.5", "0.25"]),
    Field("MiB", ["1234.5", "-"], spare=1),
    Field("seconds", ["31.2", "1"], spare=2),
]


def test_where_there_is_room_every_row_is_a_line():
    assert lines(FIELDS)[0] == [
        "cell                                  score     MiB  seconds",
        "gru(model.hidden=64, model.layers=2)    0.5  1234.5     31.2",
        "lstm                                   0.25       -        1",
    ]
    assert lines(FIELDS, 60) == lines(FIELDS)


def test_texts_fold_before_a_column_is_left_out():
    assert lines(FIELDS, 50)[0][1:3] == ["gru(model.hidden=64,          0.5  1234.5     31.2", "model.layers=2)"]
    assert lines(FIELDS, 36) == (lines(FIELDS[:3], 36)[0], ["seconds"])
    assert lines(FIELDS, 26)[1] == ["MiB", "seconds"]


@given(st.lists(st.text("ab (=,", max_size=30), min_size=1, max_size=3), st.integers(40, 120))
def test_no_line_is_wider_than_the_screen(texts, width):
    fields = [Field("cell", texts, left=True), *(Field(f"f{n}", ["1.25"] * len(texts), spare=n) for n in range(1, 20))]
    table, left_out = lines(fields, width)
    assert max(map(len, table)) <= width and len(left_out) < 20


def test_a_name_that_people_copy_is_never_folded():
    assert lines([Field("run", ["copy-v1 " * 9], left=True, folds=False)], 40)[0][1] == ("copy-v1 " * 9).rstrip()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["gru(a=1, b=[1, 2])", "lstm(b=[1, 2])"], (["gru(a=1)", "lstm"], ["b=[1, 2]"])),
        (["gru(a=1)#1a2b", "gru(a=1)#3c4d"], (["gru#1a2b", "gru#3c4d"], ["a=1"])),
        (["gru(a=1)", "gru(a=2)"], (["gru(a=1)", "gru(a=2)"], [])),
        (["gru(a=1)", "gru"], (["gru(a=1)", "gru"], [])),
        (["gru(a=1)"], (["gru(a=1)"], [])),
        (["truncated(20, a=1)", "truncated(20, a=1, b=2)"], (["truncated(20)", "truncated(20, b=2)"], ["a=1"])),
    ],
)
def test_options_that_all_rows_share_are_said_once(labels, expected):
    assert without_shared(labels) == expected
