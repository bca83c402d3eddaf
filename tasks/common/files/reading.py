"""Files that a user names: finding, reading and decoding them, with errors of one line and a remedy."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bench.api import DataError

from .packed import Unpackable, binary_kind, unpack

__all__ = [
    "decode", "find", "find_in", "read_bytes", "read_decoded", "read_unpacked", "read_western", "reason",
    "some", "unreadable",
]  # fmt: skip

_CHECK = "check the file and its permissions"
_MARK = "\ufeff"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins with that of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MOST_NUL = 0.2
"""Share of NUL characters above which a content is no text: half of UTF-16's are where it is read as bytes."""


def find(
    source: str,
    give: str,
    kind: Literal["file", "folder", "file or folder"] = "file or folder",
    option: str = "source",
) -> Path:
    """The path that an `option` of the task names; `~` expands.

    Raises DataError where nothing of this kind is there, or something that is neither a file nor a folder: a pipe would
    be waited for, and a device read without end. `give` is the remedy in its message.
    """
    path = Path(os.path.expanduser(source))
    is_there = os.path.isdir if kind == "folder" else os.path.exists  # unlike Path's, False for a name that is too long
    if not is_there(path):
        raise DataError(f"task.{option}={source}: no such {kind} (looked from {Path.cwd()}); {give}")
    if kind == "file" and os.path.isdir(path):
        raise DataError(f"task.{option}={source}: is a folder, not a file; {give}")
    if not (os.path.isfile(path) or os.path.isdir(path)):
        raise DataError(f"task.{option}={source}: is a pipe, a socket or a device, not a {kind}; {give}")
    return path


def find_in(folder: Path, names: Sequence[str], remedy: str) -> Path:
    """The first of the files `names` that the folder has, else the first in another case (`TRAIN.EN`).

    Raises DataError where it has none of them.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    there = {path.name.casefold(): path for path in sorted(folder.iterdir(), reverse=True) if path.is_file()}
    for name in names:
        if path := there.get(name.casefold()):
            return path
    raise DataError(f"{folder}: has no file {' or '.join(names)}; {remedy}")


def read_bytes(path: Path, remedy: str = _CHECK) -> bytes:
    """A file's content; raises DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, remedy) from error


def read_unpacked(path: Path, remedy: str | None = None) -> bytes:
    """A file's content, unpacked where it is packed (`.packed`); raises DataError where it cannot be."""
    content = read_bytes(path, remedy or _CHECK)
    try:
        return unpack(content, path.suffix)
    except Unpackable as error:
        raise unreadable(path, error, error.remedy or remedy or "fetch the file again") from error


def some(names: Sequence[str], most: int = 20) -> str:
    """Names in a message, with the count of those beyond `most`: `a, b and 299998 more`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def decode(content: bytes, path: Path, encoding: str = "utf-8", remedy: str = "convert it to UTF-8") -> str:
    """The decoded content of a file, otherwise unchanged; one with the mark of UTF-16 or UTF-32 is read as that.

    Raises DataError for a file that is no text, and for another mark than that of `encoding`; it names the first byte
    that cannot be decoded.
    """
    if what := binary_kind(content):
        raise DataError(f"{path}: is {what}, not text; name a text file")
    marked = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    given = codecs.lookup(encoding).name
    if marked and not given.startswith(marked):
        if given not in ("utf-8", "utf-8-sig"):
            raise DataError(f"{path}: begins with the byte order mark of {marked}, which {encoding} is not; {remedy}")
        encoding = marked
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        offset = len(content) - len(error.object) + error.start  # some codecs count from behind the byte order mark
        raise DataError(f"{path}: byte {offset} (0x{content[offset]:02x}) is not {encoding}; {remedy}") from error
    if text.count("\0") > _MOST_NUL * len(text):
        raise DataError(f"{path}: is binary data, or UTF-16 without its mark, not text in {encoding}; {remedy}")
    return text


def read_decoded(path: Path, encoding: str = "utf-8", remedy: str = "convert it to UTF-8") -> str:
    """The text of a file without its byte order mark; raises DataError as `read_unpacked` and `decode` do."""
    return decode(read_unpacked(path), path, encoding, remedy).removeprefix(_MARK)


def read_western(path: Path, remedy: str = "convert it to UTF-8") -> tuple[str, bool]:
    """The text of a file without its byte order mark, and whether it is in UTF-8; else it is read as cp1252.

    Raises DataError as `read_unpacked` and `decode` do, also where most of a file is UTF-8 and some of it is broken.
    """
    content = read_unpacked(path)
    try:
        return decode(content, path, remedy=remedy).removeprefix(_MARK), True
    except DataError:
        tried = content.decode("utf-8", "replace")
        broken = tried.count("\N{REPLACEMENT CHARACTER}")
        if not broken or sum(not character.isascii() for character in tried) > 2 * broken:
            raise
        return decode(content, path, "cp1252", remedy), False


def unreadable(path: Path | str, error: Exception, remedy: str) -> DataError:
    """A DataError for a file that could not be read because of `error`."""
    return DataError(f"{path}: cannot be read ({reason(error)}); {remedy}")


def reason(error: Exception) -> str:
    """The cause in a few words: the system's message, else the first line of the error's, else the error's type."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
