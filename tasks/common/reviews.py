"""Reviews with their opinions: local files in the layouts of the field's data sets, and data sets of the hub."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.api import DataError, Split

from .files import find, listing, read_decoded, some
from .hub import hub_origin, hub_rows

__all__ = ["Review", "Reviews", "read_reviews"]

Review = tuple[str, int]
"""A text, and its opinion: 0 negative, 1 positive."""

_REMEDY = "download it and name the folder: task.source=path/to/folder"
_LAYOUTS = (
    "rt-polarity.pos and rt-polarity.neg (MR); stsa.binary.train, .dev and .test (SST-2); "
    "train/pos, train/neg, test/pos and test/neg (IMDB); or name one .csv file with columns text and label"
)
_OPINIONS = {"0": 0, "neg": 0, "negative": 0, "1": 1, "pos": 1, "positive": 1}


@dataclass(frozen=True)
class Reviews:
    """The reviews of each split, with their origin and licence for a reader of results."""

    name: str
    splits: Mapping[Split, list[Review]]
    origin: str
    licence: str

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over texts and labels, split by split: the same for the same data, wherever it was read from."""
        digest = hashlib.sha256()
        for split in ("train", "valid", "test"):
            for text, label in self.splits[split]:
                digest.update(f"{split}\t{label}\t{text}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def read_reviews(source: str) -> Reviews:
    """Read `source`: `hub:<one of the known ids>[@revision]`, a folder in one of the known layouts, or a csv file.

    Raises ValueError for an unknown hub id, DataError for files that cannot be read or have no known layout.
    """
    if source.startswith("hub:"):
        return _from_hub(source)
    path = find(source, f"give builtin, {', '.join(f'hub:{known}' for known in _HUB)}, or the path of one")
    for marker, read in _READERS.items():
        if path.match(marker) if path.is_file() else (path / marker).exists():
            splits = read(path)
            return Reviews(path.resolve().name, splits, f"local {source}", "not stated (local files)")
    raise DataError(f"task.source={source}: unknown layout of reviews; the folder must contain {_LAYOUTS}")


def carve(reviews: Iterable[Review], *names: Split) -> dict[Split, list[Review]]:
    """Deal reviews to splits by a hash of their text: about one in ten to each of `names`, the others to train.

    The same text always comes to the same split, so that duplicates are never on both sides.
    """
    splits: dict[Split, list[Review]] = {name: [] for name in ("train", *names)}
    for review in reviews:
        tenth = int.from_bytes(hashlib.sha256(review[0].encode("utf-8", "surrogatepass")).digest()[:8], "big") % 10
        splits[names[tenth] if tenth < len(names) else "train"].append(review)
    return splits


def _read_mr(folder: Path) -> dict[Split, list[Review]]:
    """Two files in cp1252, a review a line."""
    files = (folder / "rt-polarity.neg", folder / "rt-polarity.pos")
    reviews = [(line, label) for label, file in enumerate(files) for _, line in _lines(file, "cp1252")]
    return carve(reviews, "test", "valid")


def _read_sst2(folder: Path) -> dict[Split, list[Review]]:
    """Three files of lines `LABEL TEXT`."""

    def read(name: str) -> list[Review]:
        file = folder / f"stsa.binary.{name}"
        rows = ((number, line.partition(" ")) for number, line in _lines(file))
        return [(text.strip(), _opinion(label, file, number)) for number, (label, _, text) in rows]

    return {"train": read("train"), "valid": read("dev"), "test": read("test")}


def _read_imdb(folder: Path) -> dict[Split, list[Review]]:
    """Folders `train` and `test`, in each `neg` and `pos`, in each a file a review; line breaks in HTML are spaces."""

    def read(name: str) -> list[Review]:
        return [
            (re.sub(r"<br */?>", " ", _text(file)), label)
            for label, opinion in enumerate(("neg", "pos"))
            for file in listing(folder / name / opinion, "*.txt")
        ]

    return {**carve(read("train"), "valid"), "test": read("test")}


def _read_csv(file: Path) -> dict[Split, list[Review]]:
    """A table with a header; the text is in the column text, review or sentence, the opinion in label or sentiment."""
    rows = csv.DictReader(io.StringIO(_text(file), newline=""))
    try:
        return carve(_rows(rows, file), "test", "valid")
    except csv.Error as error:
        raise DataError(f"{file}: is no csv after line {rows.line_num} ({error}); correct it there") from None


def _rows(rows: csv.DictReader[str], file: Path) -> Iterator[Review]:
    header = rows.fieldnames or []
    columns = [
        next((name for name in names if name in header), None)
        for names in (("text", "review", "sentence"), ("label", "sentiment"))
    ]
    if None in columns:
        raise DataError(f"{file}: has the columns {some(header) or 'none'}; name two of them text and label")
    text, label = columns
    for row in rows:
        yield (row[text] or "").strip(), _opinion(row[label] or "", file, rows.line_num)


_READERS: Mapping[str, Callable[[Path], dict[Split, list[Review]]]] = {
    "rt-polarity.pos": _read_mr,
    "stsa.binary.train": _read_sst2,
    "train/pos": _read_imdb,
    "*.csv": _read_csv,
}


def _opinion(label: str, file: Path, line: int) -> int:
    try:
        return _OPINIONS[label.strip().lower()]
    except KeyError:
        raise DataError(f"{file}:{line}: label {label!r} is none of {', '.join(_OPINIONS)}; correct the line") from None


def _lines(file: Path, encoding: str = "utf-8") -> list[tuple[int, str]]:
    """Numbers and texts of lines that are not blank. Only line feeds end a line: MR has other separators of Unicode
    within its lines.
    """
    return [(n, line.strip()) for n, line in enumerate(_text(file, encoding).split("\n"), 1) if line.strip()]


def _text(file: Path, encoding: str = "utf-8") -> str:
    return read_decoded(file, encoding, "fetch the file again, or convert it")


@dataclass(frozen=True)
class _Hub:
    """How a data set of the hub names its texts and its splits."""

    text: str
    test: str
    valid: str | None = None


_HUB = {
    "stanfordnlp/sst2": _Hub("sentence", test="validation"),
    "cornell-movie-review-data/rotten_tomatoes": _Hub("text", test="test", valid="validation"),
    "stanfordnlp/imdb": _Hub("text", test="test"),
}


def _from_hub(source: str) -> Reviews:
    name = source.removeprefix("hub:").partition("@")[0]
    if name not in _HUB:
        raise ValueError(f"task.source={source}: not among the reviews known on the hub: {', '.join(_HUB)}")
    known = _HUB[name]

    def read(split: str) -> list[Review]:
        rows = hub_rows(source, split, {known.text: "string", "label": "int64"}, _REMEDY)
        return [(text.strip(), label) for text, label in zip(rows[known.text][:], rows["label"][:], strict=True)]

    splits: dict[Split, list[Review]] = {"train": read("train")} if known.valid else carve(read("train"), "valid")
    if known.valid:
        splits["valid"] = read(known.valid)
    splits["test"] = read(known.test)
    return Reviews(name, splits, hub_origin(source, "train"), "as its page states")
