"""Files that a user names: finding, listing, reading and decoding them, with errors of one line and a remedy."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bench.api import DataError

__all__ = [
    "decode", "find", "find_in", "listing", "read_bytes", "read_decoded", "read_unpacked", "reason", "unreadable",
]  # fmt: skip

_CHECK = "check the file and its permissions"
_MARK = "\ufeff"


def find(source: str, give: str, kind: Literal["file", "folder", "file or folder"] = "file or folder") -> Path:
    """The path that the option `task.source` names; `~` expands.

    Raises DataError where nothing of this kind is there; `give` is the remedy in its message.
    """
    path = Path(os.path.expanduser(source))
    is_there = os.path.isdir if kind == "folder" else os.path.exists  # unlike Path's, False for a name that is too long
    if not is_there(path):
        raise DataError(f"task.source={source}: no such {kind} (looked from {Path.cwd()}); {give}")
    return path


def find_in(folder: Path, names: Sequence[str], remedy: str) -> Path:
    """The first of the files `names` that the folder has; raises DataError where it has none of them."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: has no file {' or '.join(names)}; {remedy}")


def listing(folder: Path, *patterns: str) -> list[Path]:
    """The files below a folder that match one of the patterns (`*.txt`, `**/*.txt`), sorted by path."""
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def read_bytes(path: Path, remedy: str = _CHECK) -> bytes:
    """A file's content; raises DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, remedy) from error


def read_unpacked(path: Path, remedy: str = "fetch the file again") -> bytes:
    """A file's content, unpacked where its name ends in `.gz`; DataError where it cannot be read or unpacked."""
    content = read_bytes(path, remedy)
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:  # OSError: the content is not gzipped
        raise unreadable(path, error, remedy) from error


def decode(content: bytes, path: Path, encoding: str = "utf-8", remedy: str = "convert it to UTF-8") -> str:
    """The decoded content of a file, otherwise unchanged; DataError names the first byte that cannot be decoded."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        offset = len(content) - len(error.object) + error.start  # some codecs count from behind the byte order mark
        raise DataError(f"{path}: byte {offset} (0x{content[offset]:02x}) is not {encoding}; {remedy}") from error


def read_decoded(path: Path, encoding: str = "utf-8", remedy: str = "convert it to UTF-8") -> str:
    """The text of a file without its byte order mark; raises DataError as `read_bytes` and `decode` do."""
    return decode(read_bytes(path), path, encoding, remedy).removeprefix(_MARK)


def unreadable(path: Path | str, error: Exception, remedy: str) -> DataError:
    """A DataError for a file that could not be read because of `error`."""
    return DataError(f"{path}: cannot be read ({reason(error)}); {remedy}")


def reason(error: Exception) -> str:
    """The cause in a few words: the system's message, else the first line of the error's, else the error's type."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
