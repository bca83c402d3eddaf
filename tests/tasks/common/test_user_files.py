"""Files are found, listed, read and decoded in one way, and refused in one line with what to do."""

import errno
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.files import decode, find, find_in, listing, read_bytes, read_decoded, read_unpacked, reason


def failure(read, *arguments):
    """The one line with which reading fails."""
    with pytest.raises(DataError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["file", "folder", "file or folder"])
def test_a_source_that_is_not_there_is_named_with_where_it_was_looked_for(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    for source in ("nowhere", "x" * 5000):
        line = failure(find, source, "give builtin", kind)
        assert line == f"task.source={source}: no such {kind} (looked from {tmp_path}); give builtin"


def test_a_source_is_found_from_here_and_from_home(tmp_path, monkeypatch):
    (tmp_path / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find("a.txt", "").resolve() == find("~/a.txt", "", "file") == tmp_path / "a.txt"
    assert find("~", "", "folder") == tmp_path
    assert "no such folder" in failure(find, "a.txt", "", "folder")


def test_the_first_name_that_is_there_is_taken(tmp_path):
    (tmp_path / "b").write_text("b")
    (tmp_path / "a").mkdir()
    assert find_in(tmp_path, ["a", "b", "c"], "").name == "b"
    (tmp_path / "c").touch()
    assert find_in(tmp_path, ["c", "b"], "").name == "c"
    assert failure(find_in, tmp_path, ["x", "y"], "rename one") == f"{tmp_path}: has no file x or y; rename one"


def test_a_listing_is_of_files_alone_in_the_order_of_their_paths(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/y.md", "c.txt/inner.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in listing(tmp_path, "**/*.txt", "*.txt")]
    assert names == ["a/z.txt", "b.txt", "c.txt/inner.txt"]


def test_only_what_is_named_gz_is_unpacked(tmp_path):
    packed, plain = tmp_path / "a.gz", tmp_path / "a.txt"
    content = gzip.compress(b"text")  # once: it holds the time
    for path in (packed, plain):
        path.write_bytes(content)
    assert read_unpacked(packed) == b"text" and read_unpacked(plain) == read_bytes(packed) == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"text", "Not a gzipped file (b'te')"),
        (gzip.compress(b"text")[:-9], "Compressed file ended before the end-of-stream marker was reached"),
        (gzip.compress(b"text")[:10] + b"\xff" * 20, "Error -3 while decompressing data"),
    ],
)
def test_a_broken_archive_says_why_and_what_to_do(tmp_path, content, why):
    (tmp_path / "a.gz").write_bytes(content)
    line = failure(read_unpacked, tmp_path / "a.gz")
    assert line.startswith(f"{tmp_path}/a.gz: cannot be read ({why}") and line.endswith("; fetch the file again")


def test_what_the_system_will_not_read_has_the_systems_reason(tmp_path):
    assert failure(read_bytes, tmp_path, "name a file") == f"{tmp_path}: cannot be read (Is a directory); name a file"
    assert failure(read_unpacked, tmp_path / "a").startswith(
        f"{tmp_path}/a: cannot be read (No such file or directory)"
    )


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_what_was_encoded_is_decoded_as_it_was(text, encoding):
    assert decode(text.encode(encoding), Path("a.txt"), encoding) == text


@pytest.mark.parametrize(
    ("start", "encoding", "byte"), [(b"", "utf-8", 1), (b"\xef\xbb\xbf", "utf-8-sig", 4), (b"\xef\xbb\xbf", "utf-8", 4)]
)
def test_the_first_byte_that_is_no_text_is_named_by_its_place_in_the_file(start, encoding, byte):
    line = failure(decode, start + b"a\xe9 b", "a.txt", encoding, "set another")
    assert line == f"a.txt: byte {byte} (0xe9) is not {encoding}; set another"


def test_a_byte_order_mark_is_no_part_of_the_text_that_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\n\ufefftwo".encode())
    assert read_decoded(tmp_path / "a.txt") == "one\r\n\ufefftwo"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EACCES, "Permission denied", "a.txt"), "Permission denied"),
        (OSError("two\nlines"), "two"),
        (ValueError("a sentence.\n"), "a sentence"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_reason_is_a_few_words(error, words):
    assert reason(error) == words
