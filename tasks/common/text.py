"""A text corpus: the English text that every Python carries, a data set of the Hugging Face hub, or local files."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.api import DataError, Split

from .files import decode, find, listing, read_bytes
from .hub import hub_origin, hub_rows

__all__ = ["Corpus", "join", "read_splits", "read_text"]

_ON_THE_HUB: dict[Split, str] = {"train": "train", "valid": "validation", "test": "test"}
_ENCODING = "set task.encoding to the file's own, such as latin-1 or cp1252"
_REMEDY = "download the text and name the local file: task.source=path/to/file.txt"


@dataclass(frozen=True)
class Corpus:
    """A text with a short `name`, its `origin`, and its `licence` as far as the source states it."""

    name: str
    text: str
    origin: str
    licence: str

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the text in UTF-8, in hexadecimal: the same for the same text, wherever it was read from."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def read_text(source: str | Sequence[str], encoding: str = "utf-8") -> Corpus:
    """Read `source`, or several of them joined by a newline in the order given.

    - `builtin`: the Python reference that ships as `pydoc_data.topics`; no network, but its wording differs a little
      from one Python version to the next.
    - `hub:<owner>/<name>[/<configuration>][@<revision>]`: a data set of the Hugging Face hub; the rows of the column
      `text` of its split `train`, each a line.
    - anything else is a path (`~` expands): a text file, or a folder for all `*.txt` files below it, sorted by path and
      joined by newlines. Files are decoded by `encoding` and not altered otherwise, line ends included.

    Raises ValueError for an unknown encoding or an ill-formed source, DataError for a source that cannot be read or is
    empty.
    """
    _check_encoding(encoding)
    sources = [source] if isinstance(source, str) else list(source)
    if not sources or not all(sources):
        raise ValueError(f"task.source={source!r}: empty; give builtin, hub:<owner>/<name>[@<revision>], or a path")
    return join([_read_one(each, encoding) for each in sources])


def read_splits(source: str | Sequence[str], encoding: str = "utf-8") -> dict[Split, Corpus]:
    """The texts of a source with separate train, valid and test.

    - a data set of the hub, as for `read_text`: its splits `train`, `validation` and `test`.
    - a folder: the one file each with `train`, `valid` and `test` in its name; other files are ignored.
    - a list of three sources as `read_text` takes them, in this order.

    Raises as `read_text` does.
    """
    _check_encoding(encoding)
    if isinstance(source, str) and source.startswith("hub:"):
        return {split: _from_hub(source, name) for split, name in _ON_THE_HUB.items()}
    paths = [_file_of(source, split) for split in _ON_THE_HUB] if isinstance(source, str) else list(source)
    if len(paths) != len(_ON_THE_HUB):
        raise ValueError(f"task.source={paths}: task.splits=own takes three sources, of train, valid and test")
    return {split: read_text(path, encoding) for split, path in zip(_ON_THE_HUB, paths, strict=True)}


def _file_of(source: str, split: Split) -> str:
    """The one file of a split in a folder."""
    folder = find(
        source,
        "task.splits=own needs a folder with a file each of train, valid and test, a list of three files, "
        "or a data set of the hub; or set task.splits to fractions, as [0.9, 0.05, 0.05]",
        "folder",
    )
    found = listing(folder, f"*{split}*")
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise DataError(
            f"task.source={source}: exactly one file must have {split} in its name, found {names}; "
            "name the three files in a list"
        )
    return str(found[0])


def join(parts: Sequence[Corpus]) -> Corpus:
    """The texts of `parts` in this order, with a newline between them."""
    return Corpus(
        name="+".join(part.name for part in parts),
        text="\n".join(part.text for part in parts),
        origin="; ".join(part.origin for part in parts),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
    )


def _check_encoding(encoding: str) -> None:
    try:
        b" ".decode(encoding, "ignore")
    except (LookupError, UnicodeError):
        raise ValueError(
            f"task.encoding={encoding}: not a text encoding of Python's; try utf-8, latin-1, cp1252"
        ) from None


def _read_one(source: str, encoding: str) -> Corpus:
    if source == "builtin":
        corpus = _builtin()
    elif source.startswith("hub:"):
        corpus = _from_hub(source)
    else:
        corpus = _from_path(source, encoding)
    if not corpus.text:
        raise DataError(f"task.source={source}: the text is empty; name another source")
    return corpus


def _builtin() -> Corpus:
    from pydoc_data.topics import topics

    version = platform.python_version()
    return Corpus(
        name="builtin",
        text="\n\n".join(topics[key] for key in sorted(topics)),
        origin=f"pydoc_data.topics of Python {version} (Python Software Foundation, https://docs.python.org)",
        licence="PSF License Agreement",
    )


def _from_hub(source: str, split: str = "train") -> Corpus:
    rows = hub_rows(source, split, {"text": "string"}, _REMEDY)
    lines = [row for row in rows["text"][:] if row is not None]
    return Corpus(
        name=source.removeprefix("hub:"),
        text="\n".join([*(line.removesuffix("\n") for line in lines[:-1]), *lines[-1:]]),
        origin=hub_origin(source, split),
        licence=rows.info.license or "as its page on the hub states",
    )


def _from_path(source: str, encoding: str) -> Corpus:
    path = find(source, "give builtin, hub:<owner>/<name>[@<revision>], or the path of a text file or a folder")
    files = listing(path, "**/*.txt") if path.is_dir() else [path]
    if not files:
        raise DataError(f"task.source={source}: no *.txt file in this folder; name a file, or another folder")
    return Corpus(
        name=path.resolve().name,
        text="\n".join(decode(read_bytes(file), file, encoding, _ENCODING) for file in files),
        origin=f"local {'folder' if path.is_dir() else 'file'} {source}",
        licence="not stated (local text)",
    )
