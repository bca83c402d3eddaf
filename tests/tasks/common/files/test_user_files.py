"""Files are found, listed, read and decoded in one way, and refused in one line with what to do."""

import bz2
import errno
import gzip
import io
import lzma
import os
import pickle
import socket
import zipfile
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.files import packed
from bench.tasks.common.files.reading import (
    decode,
    find,
    find_in,
    read_bytes,
    read_decoded,
    read_unpacked,
    read_western,
    reason,
    some,
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


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
    assert find_in(tmp_path, ["x", "C"], "").name == "c"
    assert failure(find_in, tmp_path, ["x", "y"], "rename one") == f"{tmp_path}: has no file x or y; rename one"


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip", "zst"])
def test_a_packed_file_is_known_by_its_signature_whatever_its_name(tmp_path, kind):
    (tmp_path / "a.txt").write_bytes(PACK[f".{kind}"]("Kürze".encode()))
    assert read_unpacked(tmp_path / "a.txt") == "Kürze".encode()
    assert read_decoded(tmp_path / "a.txt", "latin-1") == "Kürze".encode().decode("latin-1")


def test_a_text_that_begins_as_a_packed_file_does_is_a_text(tmp_path):
    for text in ("BZh or not", "PK", "ARROW"):
        (tmp_path / "a.txt").write_text(text)
        assert read_unpacked(tmp_path / "a.txt") == text.encode()


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


@given(texts, st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
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


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
        lambda path: path.symlink_to("/dev/zero"),
    ],
    ids=["pipe", "socket", "device"],
)
@pytest.mark.parametrize("kind", ["file", "file or folder"])
def test_what_is_neither_a_file_nor_a_folder_is_refused_at_once(make, kind, tmp_path):
    make(tmp_path / "it")
    line = failure(find, str(tmp_path / "it"), "give builtin", kind)
    assert line == f"task.source={tmp_path / 'it'}: is a pipe, a socket or a device, not a {kind}; give builtin"


def zipped(content, names=("a.txt",)):
    """A zip archive with `content` under each of the names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return packed.getvalue()


def zstandard(content):
    return pyarrow.compress(content, codec="zstd", asbytes=True)


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zip": zipped, ".zst": zstandard}


@pytest.mark.parametrize("suffix", PACK)
def test_a_packed_file_is_unpacked_up_to_the_stated_limit_and_no_further(suffix, tmp_path, monkeypatch):
    path, zeros = tmp_path / f"it{suffix}", bytes(100_000)
    path.write_bytes(PACK[suffix](zeros))
    assert read_unpacked(path) == zeros
    most = max(99_999, 50 * path.stat().st_size)
    monkeypatch.setattr(packed, "MOST_UNPACKED", 99_999)
    if most == 99_999:
        assert "unpacks to more than 99,999 bytes, 50 times its size or 99,999); unpack it" in failure(
            read_unpacked, path
        )
    monkeypatch.setattr(packed, "MOST_TIMES", 10_000)
    assert read_unpacked(path) == zeros


@pytest.mark.parametrize("suffix", PACK)
def test_a_packed_file_that_is_cut_short_is_named(suffix, tmp_path):
    path = tmp_path / f"it{suffix}"
    path.write_bytes(PACK[suffix](bytes(range(256)) * 10)[:-9])
    assert failure(read_unpacked, path).startswith(f"{path}: cannot be read (")


def test_an_archive_is_the_one_file_in_it_beside_what_a_mac_adds(tmp_path):
    path = tmp_path / "it.zip"
    path.write_bytes(zipped(b"x", ["a.txt", "__MACOSX/._a.txt", ".DS_Store"]))
    assert read_unpacked(path) == b"x"
    path.write_bytes(zipped(b"x", ["a", "b"]))
    assert failure(read_unpacked, path).endswith("(it holds 2 files, not one); unpack it and name what it holds")
    path.write_bytes(zipped(b"x", ["[Content_Types].xml", "xl/workbook.xml"]))
    assert failure(read_unpacked, path).endswith("such as .xlsx or .docx); save it as .csv or as text")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n%", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"PAR1\x15\x04", "a Parquet table"),
        (pickle.dumps(["a text"]), "a pickle"),
        (pickle.dumps({"a": "text"}, 2), "a pickle"),
        (b"a.txt" + bytes(252) + b"ustar  ", "a tar archive"),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", "a recording"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_what_is_no_text_is_refused_under_any_encoding(content, what, encoding):
    assert failure(decode, content, "a.txt", encoding) == f"a.txt: is {what}, not text; name a text file"


@given(texts, st.sampled_from(["utf-16", "utf-32"]), st.booleans())
def test_a_text_with_the_mark_of_its_encoding_is_read_by_it(text, encoding, big):
    mark, order = ("\ufeff", "be" if big else "le")
    assert decode((mark + text).encode(f"{encoding}-{order}"), Path("a.txt")) == text


def test_utf_16_is_not_read_as_bytes(tmp_path):
    line = failure(decode, "a text".encode("utf-16"), "a.txt", "cp1252", "set task.encoding")
    assert line == "a.txt: begins with the byte order mark of utf-16, which cp1252 is not; set task.encoding"
    for encoding in ("utf-8", "latin-1"):
        line = failure(decode, "a text".encode("utf-16-le"), "a.txt", encoding, "set task.encoding")
        assert line == (f"a.txt: is binary data, or UTF-16 without its mark, not text in {encoding}; set task.encoding")
    assert decode(b"\xff\xfea\x00", Path("a.txt"), "utf-16-le") == "\ufeffa"


def test_text_that_is_not_utf_8_is_cp1252_unless_most_of_it_is_utf_8(tmp_path):
    (tmp_path / "a.txt").write_bytes("“déjà”".encode("cp1252"))
    assert read_western(tmp_path / "a.txt") == ("“déjà”", False)
    (tmp_path / "a.txt").write_bytes("\ufeff“déjà”".encode())
    assert read_western(tmp_path / "a.txt") == ("“déjà”", True)
    (tmp_path / "a.txt").write_bytes("“déjà”".encode() + b"\xe9 ")
    assert "byte 12 (0xe9) is not utf-8" in failure(read_western, tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"%PDF-1.7")
    assert "is a PDF document" in failure(read_western, tmp_path / "a.txt")


def test_a_message_names_some_of_many():
    assert some(["a", "b"]) == "a, b" and some(["x"] * 300_000, 2) == "x, x and 299998 more"
