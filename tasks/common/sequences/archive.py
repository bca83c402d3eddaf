"""A problem of the UEA or UCR archive: its files of train and test in a folder, which must belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.api import DataError

from ..files.folders import Walk, walk
from ..files.reading import find, some
from .ts import Missing, Series, read_ts
from .ucr import read_ucr

__all__ = ["Problem", "read_problem"]

_PARTS = ("train", "test")
_KINDS = (".ts", ".tsv", ".txt", ".csv", "")  # of files, those that say most first; the archive of 2015 had no suffix
_TAKE = "take NAME_TRAIN.ts and NAME_TEST.ts of the archive"


@dataclass(frozen=True)
class Problem:
    """The series of train and test, with the same numbers for their classes; `notes` say what is unusual."""

    paths: tuple[Path, Path]
    train: Series
    test: Series
    notes: list[str]


def read_problem(source: str, missing: Missing) -> Problem:
    """The problem in the folder `source`; raises DataError where there is not one, or its files do not fit."""
    there, paths = _files(source)
    read = read_ts if paths[0].suffix.lower() == ".ts" else read_ucr
    train, test = (read(path, missing) for path in paths)
    test = _of_one_problem(paths, train, test)
    return Problem(paths, train, test, [there.note(), *_notes(train, test)])


def _files(source: str) -> tuple[Walk, tuple[Path, Path]]:
    """What the folder `source` holds, and its files of train and test: those of the first kind there is."""
    folder = find(source, "give builtin, or a folder with NAME_TRAIN.ts and NAME_TEST.ts", "folder")
    there = walk(folder, [f"_{part}{kind}" for part in _PARTS for kind in _KINDS], depth=1)
    if not there.files and any(path.suffix.lower() == ".arff" for path in there.others):
        raise DataError(f"task.source={source}: files in .arff are not read; {_TAKE}")
    for kind in _KINDS:
        train, test = (
            [each for each in there.files if each.name.lower().endswith(f"_{part}{kind}")] for part in _PARTS
        )
        if len(train) == len(test) == 1:
            pair = train[0], test[0]
            others = [*there.others, *(each for each in there.files if each not in pair)]
            return replace(there, files=list(pair), others=others), pair
        if train or test:
            break
    else:
        kind = ".ts"
    raise DataError(
        f"task.source={source}: has {len(train)} *_TRAIN{kind} and {len(test)} *_TEST{kind}, not one of each; "
        "name the folder of one problem"
    )


def _of_one_problem(paths: tuple[Path, Path], train: Series, test: Series) -> Series:
    """Test with the numbers of train's classes; DataError where it has others, or another number of dimensions."""
    here, there = paths[1], paths[0].name
    numbers = {name: number for number, name in enumerate(train.classes)}
    for number, name in enumerate(test.classes):
        if name not in numbers and (count := int((test.labels == number).sum())):
            classes = some(train.classes)
            raise DataError(f"{here}: has {count} series of class {name}, {there} {classes}; name files of one problem")
    widths = [series.sequences[0].shape[1] for series in (train, test)]
    if widths[0] != widths[1]:
        raise DataError(f"{here}: has {widths[1]} dimensions, {there} {widths[0]}; name files of one problem")
    numbers_C = torch.tensor([numbers.get(name, 0) for name in test.classes])
    return replace(test, classes=train.classes, labels=numbers_C[test.labels])


def _notes(train: Series, test: Series) -> list[str]:
    """What is unusual about the pair of files."""
    notes = [*train.notes, *test.notes]
    in_train, in_test = (series.labels.bincount(minlength=len(train.classes)).tolist() for series in (train, test))
    if unknown := [
        name for name, known, asked in zip(train.classes, in_train, in_test, strict=True) if asked > 0 == known
    ]:
        notes.append(f"test has series of class {some(unknown, 5)}, train none: each counts as an error")
    if unasked := [
        name for name, known, asked in zip(train.classes, in_train, in_test, strict=True) if known > 0 == asked
    ]:
        notes.append(f"train has series of class {some(unasked, 5)}, test none")
    return notes
