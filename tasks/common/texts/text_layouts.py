"""The layouts in which labelled texts lie in files: those of the field's data sets, tables, and a folder a class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import NamedTuple

from bench.api import DataError, Split

from ..files.folders import Walk, walk
from ..files.litter import is_litter
from ..files.packed import PACKED, unpacked_name
from ..files.reading import find_in, read_western, some
from .labelled_texts import Row, carve
from .text_table import names_text_and_label, read_text_table

__all__ = ["LAYOUTS", "Layout", "read_layout"]

Splits = dict[Split, list[Row]]
_TABLES = (".csv", ".tsv")
_PACKED_TABLES = tuple(f"{table}{packed}" for table in _TABLES for packed in PACKED)
_VALID = ("valid", "validation", "dev", "val")
_REMEDY = "fetch the data set again, or convert it to UTF-8"
_EACH = 4
"""Fewest lines a label, on average, for lines `LABEL TEXT`: prose begins with ever other words."""

_LEFT_OUT = "unsup"
"""IMDB's folder of reviews without an opinion."""


class Layout(NamedTuple):
    """A data set's files: `first` tells it, `read` gives its splits and notes from the folder."""

    name: str
    first: str
    read: Callable[[Path], tuple[Splits, list[str]]]


def read_layout(path: Path, source: str) -> tuple[Splits, list[str]]:
    """The splits of a file or a folder, and notes; DataError for one in no known layout."""
    if path.is_file():
        known = next((layout for layout in LAYOUTS if layout.first.lower() == path.name.lower()), None)
        return known.read(path.parent) if known else _read_file(path)
    names = {each.name.lower() for each in path.iterdir()}
    known_here = [layout for layout in LAYOUTS if layout.first.lower() in names]
    if known_here:
        splits, notes = known_here[0].read(path)
        others = [f"{layout.name} ({layout.first})" for layout in known_here[1:]]
        said = f"read as {known_here[0].name}; name the file to read another that is there: {', '.join(others)}"
        return splits, [*notes, said] if others else notes
    for read in (_read_tables, _read_class_folders):
        if found := read(path):
            return found
    if len(within := _subfolders(path)) == 1:
        splits, notes = read_layout(within[0], source)
        return splits, [f"read from {within[0]}", *notes]
    raise DataError(f"task.source={source}: unknown layout of texts; the folder must contain {_KNOWN}")


def _read_two(negative: str, positive: str, labels: tuple[str, str], folder: Path) -> tuple[Splits, list[str]]:
    """Two files, one for each class, a text a line."""
    notes: list[str] = []
    rows = [
        Row(line, label, f"{name}:{number}")
        for name, label in zip((negative, positive), labels, strict=True)
        for number, line in _lines(find_in(folder, (name,), _REMEDY), notes)
    ]
    return carve(rows, "test", "valid"), notes


def _read_labelled_lines(names: Sequence[str], folder: Path) -> tuple[Splits, list[str]]:
    """Three files of lines `LABEL TEXT`, or two, of which a tenth of train is valid."""
    notes: list[str] = []
    parts = [list(_labelled_lines(find_in(folder, (name,), _REMEDY), notes)) for name in names]
    if len(parts) == 3:
        return {"train": parts[0], "valid": parts[1], "test": parts[2]}, notes
    return {**carve(parts[0], "valid"), "test": parts[1]}, notes


def _labelled_lines(file: Path, notes: list[str]) -> Iterator[Row]:
    for number, line in _lines(file, notes):
        label, _, text = line.partition(" ")
        yield Row(text.strip(), label.removeprefix("__label__"), f"{file}:{number}")


def _read_trec(folder: Path) -> tuple[Splits, list[str]]:
    """Lines `COARSE:fine TEXT`, of which the coarse classes count."""
    splits, notes = _read_labelled_lines(("train_5500.label", "TREC_10.label"), folder)
    coarse = {
        split: [row._replace(label=row.label.partition(":")[0]) for row in rows] for split, rows in splits.items()
    }
    return coarse, notes


def _read_file(file: Path) -> tuple[Splits, list[str]]:
    """One file: a table, or lines `LABEL TEXT`; a hash of each text gives a tenth each to test and valid."""
    notes: list[str] = []
    if _is_table(file):
        rows, _ = read_text_table(file, notes)
        return carve(rows, "test", "valid"), notes
    rows = list(_labelled_lines(file, notes))
    labels = {row.label for row in rows}
    if len(labels) < 2 or len(labels) > len(rows) / _EACH:
        raise DataError(
            f"{file}: its {len(rows):,} lines begin with {len(labels):,} different words, which are no labels; "
            "give lines LABEL TEXT, or a table with columns text and label"
        )
    return carve(rows, "test", "valid"), notes


def _is_table(file: Path) -> bool:
    """Whether a file is a table: by its name, packed or not, by a tab in each line, or by a header."""
    if unpacked_name(file).lower().endswith(_TABLES):
        return True
    lines = [line for _, line in _lines(file, [])]
    if lines and lines[0].startswith(("{", "[")) and lines[-1].endswith(("}", "]")):
        raise DataError(f"{file}: is JSON, which is not read; write it as a .csv with columns text and label")
    return all("\t" in line for line in lines) or names_text_and_label(lines[0])


def _read_tables(folder: Path) -> tuple[Splits, list[str]] | None:
    """`train.csv` and `test.csv`, or `.tsv`, and `valid`, `dev` or `val` where it is there; or one table alone.

    Without labels in test (GLUE) valid is scored as test, and a tenth of train is valid, as without a file for it.
    """
    plain, packed = (
        {PurePath(unpacked_name(file)).stem.lower(): file for file in walk(folder, endings, depth=1).files}
        for endings in (_TABLES, _PACKED_TABLES)
    )
    found = packed | plain
    if "train" not in found or len(found) == 1:
        alone = list((plain or packed).values())
        return _read_file(alone[0]) if len(alone) == 1 else None
    notes: list[str] = []
    train, columns = read_text_table(found["train"], notes)
    held_out: dict[str, list[Row]] = {}
    for split, names in (("valid", _VALID), ("test", ("test",))):
        if file := next((found[name] for name in names if name in found), None):
            rows, theirs = read_text_table(file, notes, columns)
            if theirs.label is not None:
                held_out[split] = rows
            else:
                notes.append(f"{file.name} has no labels and is left out")
    if not held_out:
        return carve(train, "test", "valid"), notes
    if len(held_out) == 2:
        return {"train": train, "valid": held_out["valid"], "test": held_out["test"]}, notes
    if "valid" in held_out:
        notes.append("the split for validation is scored as test, and a tenth of train is valid")
    (scored,) = held_out.values()
    return {**carve(train, "valid"), "test": scored}, notes


def _read_class_folders(folder: Path) -> tuple[Splits, list[str]] | None:
    """A folder a class, in each a file a text; all of it within folders of train and test, or split by a hash."""
    parts = _subfolders(folder)
    train, test = ([part for part in parts if name in part.name.lower()] for name in ("train", "test"))
    notes: list[str] = []
    if len(train) == len(test) == 1:
        valid = [part for part in parts if part.name.lower() in _VALID]
        read = {part: list(_texts_of_classes(part, notes)) for part in (*train, *valid, *test)}
        if read[train[0]]:
            splits: Splits = {"train": read[train[0]], "valid": read[valid[0]]} if valid else {}
            return {**(splits or carve(read[train[0]], "valid")), "test": read[test[0]]}, notes
    rows = list(_texts_of_classes(folder, notes))
    return (carve(rows, "test", "valid"), notes) if len({row.label for row in rows}) > 1 else None


def _subfolders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not is_litter([each.name]))


def _texts_of_classes(folder: Path, notes: list[str]) -> Iterator[Row]:
    """The texts below a folder by class; its `*.txt` or, where a class has none, all its files."""
    western = 0
    whole = Walk(folder, [], [], [])
    for place in _subfolders(folder):
        if place.name == _LEFT_OUT:
            notes.append(f"left out {place}: its texts have no class")
            continue
        found = walk(place, [".txt"], depth=1)
        files = found.files or found.others
        whole.files.extend(files)
        whole.hidden.extend(found.hidden)
        whole.others.extend(found.others if found.files else [])
        for file in files:
            text, in_utf_8 = read_western(file)
            western += not in_utf_8
            yield Row(re.sub(r"<br */?>", " ", text), place.name, str(file))
    if whole.files:
        notes.append(whole.note())
    if western:
        notes.append(f"{folder}: files that are not UTF-8 and are read as cp1252: {western:,}")


def _lines(file: Path, notes: list[str]) -> list[tuple[int, str]]:
    """Numbers and texts of lines that are not blank. Only line feeds end a line: MR has other separators of Unicode
    within its lines.
    """
    text, in_utf_8 = read_western(file, _REMEDY)
    if not in_utf_8:
        notes.append(f"{file.name} is not UTF-8 and is read as cp1252")
    return [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]


LAYOUTS = (
    Layout("MR", "rt-polarity.pos", partial(_read_two, "rt-polarity.neg", "rt-polarity.pos", ("neg", "pos"))),
    Layout(
        "SST-2",
        "stsa.binary.train",
        partial(_read_labelled_lines, [f"stsa.binary.{split}" for split in ("train", "dev", "test")]),
    ),
    Layout(
        "SST-5",
        "stsa.fine.train",
        partial(_read_labelled_lines, [f"stsa.fine.{split}" for split in ("train", "dev", "test")]),
    ),
    Layout("TREC", "train_5500.label", _read_trec),
    Layout("TREC", "TREC.train.all", partial(_read_labelled_lines, ["TREC.train.all", "TREC.test.all"])),
    Layout(
        "SUBJ",
        "plot.tok.gt9.5000",
        partial(_read_two, "plot.tok.gt9.5000", "quote.tok.gt9.5000", ("objective", "subjective")),
    ),
)
_KNOWN = (
    f"{some([f'{layout.first} ({layout.name})' for layout in LAYOUTS])}; train and test as .csv or .tsv; or a folder a "
    "class with a file a text, at once or within train and test; or name one file: a table with columns text and "
    "label, or lines LABEL TEXT"
)
