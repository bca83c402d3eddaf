"""Files that a user names: finding, listing, reading and decoding them, with errors of one line and a remedy."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

from bench.api import DataError

__all__ = [
    "MOST_TIMES", "MOST_UNPACKED",
    "decode", "find", "find_in", "listing", "read_bytes", "read_decoded", "read_unpacked", "reason", "some",
    "unreadable",
]  # fmt: skip

MOST_UNPACKED = 64 * 2**20
MOST_TIMES = 50
"""What a packed file may unpack to: the larger of so many bytes and so many times its own size."""

_CHECK = "check the file and its permissions"
_MARK = "\ufeff"


def find(source: str, give: str, kind: Literal["file", "folder", "file or folder"] = "file or folder") -> Path:
    """The path that the option `task.source` names; `~` expands.

    Raises DataError where nothing of this kind is there, or something that is neither a file nor a folder: a pipe would
    be waited for, and a device read without end. `give` is the remedy in its message.
    """
    path = Path(os.path.expanduser(source))
    is_there = os.path.isdir if kind == "folder" else os.path.exists  # unlike Path's, False for a name that is too long
    if not is_there(path):
        raise DataError(f"task.source={source}: no such {kind} (looked from {Path.cwd()}); {give}")
    if not (os.path.isfile(path) or os.path.isdir(path)):
        raise DataError(f"task.source={source}: is a pipe, a socket or a device, not a {kind}; {give}")
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
    """A file's content, unpacked where its name ends in `.gz`, `.bz2`, `.xz` or `.zip` (of one file).

    Raises DataError where it cannot be read or unpacked, or unpacks to more than MOST_UNPACKED bytes and more than
    MOST_TIMES its size: no text does, but a few kilobytes can be made to fill any memory.
    """
    content = read_bytes(path, remedy)
    if path.suffix not in _UNPACKED:
        return content
    most = max(MOST_UNPACKED, MOST_TIMES * len(content))
    try:
        with _UNPACKED[path.suffix](io.BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
        raise unreadable(path, error, remedy) from error  # OSError: the content is not gzipped
    if len(unpacked) > most:
        raise DataError(
            f"{path}: unpacks to more than {most:,} bytes, {MOST_TIMES} times its size or {MOST_UNPACKED:,}; "
            "unpack it yourself if it is right"
        )
    return unpacked


def _open_zip(packed: BinaryIO) -> IO[bytes]:
    archive = zipfile.ZipFile(packed)
    names = [info for info in archive.infolist() if not info.is_dir()]
    if len(names) != 1:
        raise ValueError(f"it holds {len(names)} files, not one")
    return archive.open(names[0])


_UNPACKED: dict[str, Callable[[BinaryIO], IO[bytes]]] = {
    ".gz": lambda packed: cast(IO[bytes], gzip.GzipFile(fileobj=packed)),
    ".bz2": lambda packed: cast(IO[bytes], bz2.BZ2File(packed)),
    ".xz": lambda packed: cast(IO[bytes], lzma.LZMAFile(packed)),  # noqa: SIM115  closed by whoever reads it
    ".zip": _open_zip,
}


def some(names: Sequence[str], most: int = 20) -> str:
    """Names in a message, with the count of those beyond `most`: `a, b and 299998 more`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


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
