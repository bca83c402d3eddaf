"""Folders of recorded words: Free Spoken Digits, Speech Commands, and a folder a word without lists."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

from bench.api import DataError, Split

from ..files.folders import Walk, walk
from ..files.reading import read_decoded
from .recording import Recording, digit, is_spoken_digit, spoken_digit

__all__ = ["from_folder", "is_laid_out", "which_set"]

_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".aiff", ".aif", ".mp3")  # of copies, the first of these is read
_LISTS: dict[Split, str] = {"valid": "validation_list.txt", "test": "testing_list.txt"}
_SPLITS = {"train", "training", "valid", "validation", "val", "dev", "test", "testing"}
_MOST = 2**27 - 1  # recordings of a word, in the hash of Speech Commands
_VALID, _TEST = 10, 10  # percent


def is_laid_out(folder: Path) -> bool:
    """Whether the folder says itself that it is one of Free Spoken Digits or of Speech Commands."""
    return (folder / "recordings").is_dir() or all((folder / name).is_file() for name in _LISTS.values())


def from_folder(folder: Path) -> tuple[list[Recording], list[str]]:
    """The recordings in a folder of one of the three layouts, and what is said of them; none where there are none."""
    if (folder / "recordings").is_dir():
        return _free_spoken_digits(walk(folder / "recordings", _SUFFIXES, depth=1))
    lists = [name for name in _LISTS.values() if (folder / name).is_file()]
    flat = walk(folder, _SUFFIXES, depth=1)
    if not lists and flat.files and all(is_spoken_digit(path.name) for path in flat.files):
        return _free_spoken_digits(flat)
    found = walk(folder, _SUFFIXES, depth=3)  # one deeper than is read, for the litter in folders of words
    words = [path for path in found.files if path.parent.parent == folder and not path.parent.name.startswith("_")]
    if not words:
        return [], []
    found = _without_copies(found, words)
    if len(lists) == 1:
        other = next(name for name in _LISTS.values() if name not in lists)
        raise DataError(f"{folder}: has {lists[0]} and no {other}; add it, or remove both to split by a hash of names")
    if lists:
        return _speech_commands(found), [found.note()]
    return _by_hash(found), [found.note(), f"without {' and '.join(_LISTS.values())}, {_HOW}"]


_HOW = f"split by Speech Commands' hash of names: {_VALID}% valid, {_TEST}% test, one speaker (before _nohash_) in one"


def _without_copies(found: Walk, wanted: list[Path]) -> Walk:
    """The walk with those `wanted`, and of one recording in several formats the first alone."""
    ranks: dict[Path, int] = {}
    for path in wanted:
        rank = _SUFFIXES.index(path.suffix.lower())
        ranks[path.with_suffix("")] = min(rank, ranks.get(path.with_suffix(""), rank))
    lists = {found.folder / name for name in _LISTS.values()}
    read = [path for path in wanted if _SUFFIXES.index(path.suffix.lower()) == ranks[path.with_suffix("")]]
    return replace(found, files=read, others=sorted({*found.others, *found.files} - {*read} - lists))


def _free_spoken_digits(found: Walk) -> tuple[list[Recording], list[str]]:
    found = _without_copies(found, found.files)
    digits = [digit(path.name, int(spoken_digit(path.name)[0])) for path in found.files]
    recordings = [
        Recording(f"recordings/{path.name}", word, path) for path, word in zip(found.files, digits, strict=True)
    ]
    return recordings, [found.note()]


def _speech_commands(found: Walk) -> list[Recording]:
    """A folder a word, split by two lists of paths."""
    names = {_name(path, found.folder) for path in found.files}
    alike = {_key(name): name for name in names}
    listed: dict[str, Split] = {}
    for split, file in _LISTS.items():
        for line in filter(None, map(str.strip, read_decoded(found.folder / file).splitlines())):
            name = line if line in names else alike.get(_key(line))
            if name is None:
                raise DataError(f"{found.folder / file}: lists {line}, which is not there; fetch the data again")
            if listed.setdefault(name, split) != split:
                raise DataError(
                    f"{found.folder / file}: lists {line}, which {_LISTS[listed[name]]} lists too; choose one"
                )
    return [_of_word(path, found.folder, listed.get(_name(path, found.folder), "train")) for path in found.files]


def _key(name: str) -> str:
    """What the same path has in common on all systems: macOS writes accents apart, and Windows backslashes."""
    return unicodedata.normalize("NFC", name).casefold().replace("\\", "/")


def _by_hash(found: Walk) -> list[Recording]:
    words = {path.parent.name for path in found.files}
    if {word.lower() for word in words} <= _SPLITS:
        raise DataError(
            f"{found.folder}: its folders {', '.join(sorted(words))} are splits, and none is a word; "
            f"name a folder of words, with {' and '.join(_LISTS.values())}"
        )
    return [_of_word(path, found.folder, which_set(path.name)) for path in found.files]


def which_set(name: str) -> Split:
    """The split of a file by the hash of its name up to `_nohash_`, as the README of Speech Commands defines it."""
    hashed = int(hashlib.sha1(re.sub(r"_nohash_.*$", "", name).encode()).hexdigest(), 16)
    percent = hashed % (_MOST + 1) * (100.0 / _MOST)
    return "valid" if percent < _VALID else "test" if percent < _VALID + _TEST else "train"


def _of_word(path: Path, folder: Path, split: Split) -> Recording:
    return Recording(_name(path, folder), path.parent.name, path, split)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
