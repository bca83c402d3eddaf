"""The hash of a task's data follows the contents of its files, in their order, and nothing else."""

import os

import pytest

from bench.api import DataError, file_hash


def test_the_hash_follows_contents_and_order_and_not_names(tmp_path):
    for name, text in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "onet"), ("e", "wo")):
        (tmp_path / name).write_text(text)
    a, b, c, d, e = (tmp_path / name for name in "abcde")
    assert file_hash(a, b) == file_hash(str(c), b)
    assert len({file_hash(a, b), file_hash(b, a), file_hash(d, e), file_hash(a), file_hash(a, b, a)}) == 5


def test_what_is_no_readable_file_is_one_line(tmp_path):
    with pytest.raises(DataError, match="there is no such file; give the path of the data"):
        file_hash(tmp_path / "absent")
    with pytest.raises(DataError, match="there is no such file"):
        file_hash(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="there is no such file"):
        file_hash(tmp_path / "pipe")
