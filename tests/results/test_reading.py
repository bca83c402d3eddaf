"""Reading a file that anyone may have put there: at once, or not at all."""

import os
import socket

import pytest

from bench.results.reading import cause, read_regular


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100)
    assert read_regular(tmp_path / "file", 100) == b"x" * 100


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        os.mkdir,
        lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path.name),
        lambda path: None,
    ],
    ids=["pipe", "folder", "socket", "device", "circle", "nothing"],
)
def test_what_is_no_file_is_refused_at_once(make, tmp_path):
    path = tmp_path / "it"
    make(path)
    with pytest.raises(OSError) as caught:
        read_regular(path, 100)
    assert cause(caught.value) and str(path) not in cause(caught.value)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10 * 2**30)  # takes no place on the disk
    with pytest.raises(OSError, match=r"^it has 10,737,418,240 bytes, and at most 1,000 are read$"):
        read_regular(tmp_path / "huge", 1000)
