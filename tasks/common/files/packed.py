"""Packed files, told by the signatures that they begin with, whatever their names: gzip, bzip2, xz, Zstandard, zip."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, BinaryIO, NamedTuple, cast

from .litter import is_litter

__all__ = ["MOST_TIMES", "MOST_UNPACKED", "PACKED", "Unpackable", "binary_kind", "unpack", "unpacked_name"]

MOST_UNPACKED = 64 * 2**20
MOST_TIMES = 50
"""What a packed file may unpack to: the larger of so many bytes and so many times its own size."""

_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, RuntimeError)


class Unpackable(Exception):
    """A packed file that cannot be unpacked, with the `remedy` where it is none that fetching it again would help."""

    def __init__(self, cause: str | Exception, remedy: str | None = None) -> None:
        super().__init__(str(cause))
        self.remedy = remedy


class _Kind(NamedTuple):
    signature: bytes
    open: Callable[[BinaryIO], IO[bytes]]


def _open_zip(packed: BinaryIO) -> IO[bytes]:
    archive = zipfile.ZipFile(packed)
    if _OFFICE in archive.namelist():
        raise Unpackable("it is a document of an office program, such as .xlsx or .docx", "save it as .csv or as text")
    names = [each for each in archive.infolist() if not each.is_dir() and not is_litter(PurePath(each.filename).parts)]
    if len(names) != 1:
        raise Unpackable(f"it holds {len(names)} files, not one", "unpack it and name what it holds")
    return archive.open(names[0])


def _open_zstandard(packed: BinaryIO) -> IO[bytes]:
    import pyarrow  # type: ignore[import-untyped]

    return cast(IO[bytes], pyarrow.CompressedInputStream(pyarrow.PythonFile(packed, "r"), "zstd"))


PACKED = {
    ".gz": _Kind(b"\x1f\x8b", lambda packed: cast(IO[bytes], gzip.GzipFile(fileobj=packed))),
    ".bz2": _Kind(b"BZh", lambda packed: cast(IO[bytes], bz2.BZ2File(packed))),
    ".xz": _Kind(b"\xfd7zXZ\x00", lambda packed: cast(IO[bytes], lzma.LZMAFile(packed))),  # noqa: SIM115
    ".zip": _Kind(b"PK\x03\x04", _open_zip),
    ".zst": _Kind(b"\x28\xb5\x2f\xfd", _open_zstandard),
}
"""Kinds of packed files by the ending of their names."""

_OFFICE = "[Content_Types].xml"
"""A file that every document of Office Open XML, which is a zip, holds."""

_BINARY = {
    b"%PDF-": "a PDF document",
    b"\x89PNG\r\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"SQLite format 3\x00": "an SQLite database",
    b"PAR1": "a Parquet table",
    b"ARROW1": "an Arrow table",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\xd0\xcf\x11\xe0": "a document of an old Microsoft Office",
    b"{\\rtf": "a document in RTF",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x1f\x9d": "a file of compress",
    b"\x04\x22\x4d\x18": "a file of LZ4",
    b"\x7fELF": "a program",
    b"OggS": "a recording",
    b"fLaC": "a recording",
    **{b"\x80" + bytes([protocol, 0x95]): "a pickle" for protocol in (4, 5)},
    **{b"\x80" + bytes([protocol]) + start: "a pickle" for protocol in (2, 3) for start in (b"]", b"}", b"(", b"c")},
}
_BINARY_WITHIN = {(257, b"ustar"): "a tar archive", (8, b"WAVEfmt "): "a recording"}
"""Signatures that stand at another place than the beginning."""


def unpack(content: bytes, suffix: str) -> bytes:
    """The content unpacked, if it begins with a known signature or `suffix` is that of a packed file; else itself.

    Raises Unpackable for one that is not sound, or unpacks to more than MOST_UNPACKED bytes and more than MOST_TIMES
    its size: no text does, but a few kilobytes can be made to fill any memory.
    """
    kind = _kind(content) or PACKED.get(suffix.lower())
    if kind is None:
        return content
    most = max(MOST_UNPACKED, MOST_TIMES * len(content))
    try:
        with kind.open(io.BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except _ERRORS as error:  # OSError: the content is not gzipped
        raise Unpackable(error) from error
    if len(unpacked) > most:
        raise Unpackable(
            f"it unpacks to more than {most:,} bytes, {MOST_TIMES} times its size or {MOST_UNPACKED:,}",
            "unpack it yourself if it is right",
        )
    return unpacked


def unpacked_name(path: PurePath) -> str:
    """The name of a file without the ending of a packed one: `a.csv` of `a.csv.gz`."""
    return path.stem if path.suffix.lower() in PACKED else path.name


def _kind(content: bytes) -> _Kind | None:
    kind = next((kind for kind in PACKED.values() if content.startswith(kind.signature)), None)
    if kind is PACKED[".bz2"] and content[4:10] not in (b"1AY&SY", b"\x17rE8P\x90"):  # a text may begin with BZh
        return None
    return kind


def binary_kind(content: bytes) -> str | None:
    """What a content is that is no text, by the signature that it begins with: `a PDF document`; else None."""
    places = {(0, signature): what for signature, what in _BINARY.items()} | _BINARY_WITHIN
    return next((what for (place, signature), what in places.items() if content.startswith(signature, place)), None)
