"""A text corpus: the English text that every Python carries, a data set of the Hugging Face hub, or local files."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.api import DataError, Split

from ..files.folders import walk
from ..files.hub import hub_origin, hub_rows
from ..files.overlap import repeated_files, repeated_lines
from ..files.reading import decode, find, read_unpacked

__all__ = ["Corpus", "join", "read_splits", "read_text"]

_ON_THE_HUB: dict[Split, str] = {"train": "train", "valid": "validation", "test": "test"}
_ENCODING = "set task.encoding to the file's own, such as latin-1, cp1252 or utf-16"
_REMEDY = "download the text and name the local file: task.source=path/to/file.txt"


@dataclass(frozen=True)
class Corpus:
    """A text with a short `name`, its `origin`, and its `licence` as far as the source states it.

    `notes` say how it was read, see `bench.api.TaskSpec`.
    """

    name: str
    text: str
    origin: str
    licence: str
    notes: tuple[str, ...] = ()

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
      joined by newlines; hidden files are left out. Files are unpacked where they are packed, decoded by `encoding` (by
      the mark of UTF-16 or UTF-32 where they have one), and not altered otherwise, line ends included.

    Raises ValueError for an unknown encoding or an ill-formed source, DataError for a source that cannot be read or is
    empty.
    """
    _check_encoding(encoding)
    sources = [source] if isinstance(source, str) else list(source)
    if not sources or not all(sources):
        raise ValueError(f"task.source={source!r}: empty; give builtin, hub:<owner>/<name>[@<revision>], or a path")
    parts = [_read_one(each, encoding) for each in sources]
    repeated = repeated_files({f"{n}. {part.name}": part.text for n, part in enumerate(parts, 1)})
    whole = join(parts)
    return replace(whole, notes=(*whole.notes, *repeated))


def read_splits(source: str | Sequence[str], encoding: str = "utf-8") -> dict[Split, Corpus]:
    """The texts of a source with separate train, valid and test.

    - a data set of the hub, as for `read_text`: its splits `train`, `validation` and `test`.
    - a folder: the one file each with `train`, `valid` (else `val` or `dev`) and `test` in its name.
    - a list of three sources as `read_text` takes them, in this order.

    Raises as `read_text` does.
    """
    _check_encoding(encoding)
    if isinstance(source, str) and source.startswith("hub:"):
        return {split: _from_hub(source, name) for split, name in _ON_THE_HUB.items()}
    paths = _files_of(source) if isinstance(source, str) else list(source)
    if len(paths) != len(_ON_THE_HUB):
        raise ValueError(f"task.source={paths}: task.splits=own takes three sources, of train, valid and test")
    parts = {split: read_text(path, encoding) for split, path in zip(_ON_THE_HUB, paths, strict=True)}
    told = [f"{split} is {part.name}" for split, part in parts.items()] if isinstance(source, str) else []
    repeated = repeated_lines({split: part.text for split, part in parts.items()})
    parts["train"] = replace(parts["train"], notes=(*parts["train"].notes, *filter(None, [", ".join(told)]), *repeated))
    return parts


def _files_of(source: str) -> list[str]:
    """The one file of each split in a folder."""
    folder = find(
        source,
        "task.splits=own needs a folder with a file each of train, valid and test, a list of three files, "
        "or a data set of the hub; or set task.splits to fractions, as [0.9, 0.05, 0.05]",
        "folder",
    )
    return [str(_file_of(folder, source, split)) for split in _ON_THE_HUB]


def _file_of(folder: Path, source: str, split: Split) -> Path:
    files = walk(folder, depth=1).files
    found = [file for file in files if split in file.name.lower()]
    if split == "valid" and not found:
        found = [file for file in files if re.search(r"(?<![a-z])(?:val|dev)(?![a-z])", file.name.lower())]
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise DataError(
            f"task.source={source}: exactly one file must have {split} in its name, found {names}; "
            "name the three files in a list"
        )
    return found[0]


def join(parts: Sequence[Corpus]) -> Corpus:
    """The texts of `parts` in this order, with a newline between them."""
    return Corpus(
        name="+".join(part.name for part in parts),
        text="\n".join(part.text for part in parts),
        origin="; ".join(part.origin for part in parts),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
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
    if lines and not lines[-1] and any(line.endswith("\n") for line in lines):
        lines[-1] = "\n"  # rows that are lines with their ends, of which an empty one has lost its own
    return Corpus(
        name=source.removeprefix("hub:"),
        text="\n".join([*(line.removesuffix("\n") for line in lines[:-1]), *lines[-1:]]),
        origin=hub_origin(source, split),
        licence=rows.info.license or "as its page on the hub states",
    )


def _from_path(source: str, encoding: str) -> Corpus:
    path = find(source, "give builtin, hub:<owner>/<name>[@<revision>], or the path of a text file or a folder")
    notes: list[str] = []
    files = [path]
    if path.is_dir():
        found = walk(path, [".txt"])
        files = found.files
        notes.append(found.note())
        if not files:
            raise DataError(f"task.source={source}: no *.txt file in this folder; name a file, or another folder")
    texts = {file: decode(read_unpacked(file), file, encoding, _ENCODING) for file in files}
    notes += repeated_files({str(file.relative_to(path)): text for file, text in texts.items()})
    text = "\n".join(texts.values())
    return Corpus(
        name=path.resolve().name,
        text=text,
        origin=f"local {'folder' if path.is_dir() else 'file'} {source}",
        licence="not stated (local text)",
        notes=(*notes, *_doubts(text, encoding)),
    )


def _doubts(text: str, encoding: str) -> Iterator[str]:
    """What in a decoded text makes one doubt that it was meant to be read so."""
    if nul := text.count("\0"):
        yield f"the text has {nul:,} NUL characters, as binary data has"
    if text.startswith("\ufeff"):
        yield "the text begins with a byte order mark, which is a character; task.encoding=utf-8-sig leaves it out"
    if text.startswith("\ufeff".encode().decode("latin-1")):  # alike in cp1252
        yield f"the text begins with the byte order mark of UTF-8, but is read as {encoding}"
