"""Texts that repeat each other are told, and others are not."""

from hypothesis import given
from hypothesis import strategies as st

from bench.tasks.common.files.overlap import repeated_files, repeated_lines, shared_with_train

LINES = [f"line {n} of a text" for n in range(20)]


@given(st.integers(0, 17), st.integers(3, 20), st.booleans())
def test_a_file_within_another_is_told_once(start, count, same):
    whole = "\n".join(LINES)
    part = whole if same else "\n".join(LINES[start : start + count])
    told = repeated_files({"a.txt": f"\n{part}\n\n", "b.txt": f"before\n{whole}\nbehind", "c.txt": "other\nlines"})
    assert told == ["all of a.txt is also in b.txt: is one of them a copy?"]


def test_two_equal_files_are_told_once_and_different_ones_are_not():
    whole = "\n".join(LINES)
    assert len(repeated_files({"a": whole, "b": whole})) == 1
    assert repeated_files({"a": whole, "b": whole.replace("9", "nine"), "empty": ""}) == []


@given(st.integers(0, 20), st.booleans())
def test_splits_that_share_half_of_the_smaller_one_s_lines_are_told(shared, test_is_larger):
    mine = [*LINES[:shared], *(f"new {n}" for n in range(20 - shared))]
    more = [*LINES, *(f"more {n}" for n in range(30))]
    texts = {"train": more, "test": mine} if not test_is_larger else {"train": mine, "test": more}
    told = repeated_lines({name: "\n".join(lines) for name, lines in texts.items()})
    assert len(told) == (shared >= 10)
    assert not told or f"share {shared} different lines" in told[0]


def test_a_split_of_one_line_is_told_where_it_is_within_another():
    assert len(repeated_lines({"train": "abcdef ghi", "test": "def g"})) == 1
    assert repeated_lines({"train": "abcdef ghi", "test": "xyz"}) == []


def test_what_held_out_splits_share_with_train_is_counted():
    splits = {"train": ["a", "b", "b"], "valid": ["c"], "test": ["b", "b", "d"]}
    assert shared_with_train("texts", splits) == ["2 of the 3 texts of test are also in train"]
