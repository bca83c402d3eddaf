"""Recordings of single words: Free Spoken Digits, Speech Commands and tables of sound, and how each is split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench.api import DataError, Split

from ..files.folders import walk
from ..files.hub import hub_origin, hub_rows
from ..files.reading import find, unreadable
from ..sequences.stratified import stratified
from .recording import Recording, digit, is_spoken_digit, spoken_digit
from .sound_folders import from_folder, is_laid_out

__all__ = ["Recording", "read_recordings"]

_LAYOUTS = (
    "recordings/DIGIT_SPEAKER_INDEX.wav (Free Spoken Digits), WORD/*.wav with or without validation_list.txt and "
    "testing_list.txt (Speech Commands), or train*.parquet and test*.parquet with columns audio and label"
)
_REMEDY = "download it and name the local folder: task.source=path/to/folder"
_TEST, _VALID = range(5), range(5, 10)  # numbers of the recordings; the official split has no valid part
_VALID_SHARE, _VALID_SEED = 0.1, 1


def read_recordings(source: str, split: str) -> tuple[list[Recording], str, list[str]]:
    """All recordings of `source`, sorted by name, each with a split; where they come from, and what is said of them.

    `source` is a folder in one of several layouts, a parquet file, or `hub:owner/name`. `split` is `official` or
    `speaker:NAME`. Raises ValueError for another split, DataError for a source that cannot be read or split so.
    """
    if split != "official" and not re.fullmatch(r"speaker:.+", split):
        raise ValueError(f"task.split={split}: give official, or speaker:NAME to test on one speaker")
    notes: list[str] = []
    if source.startswith("hub:"):
        found = [*_from_hub(source, "train"), *_from_hub(source, "test")]
        origin = hub_origin(source, "train") + " and test"
    else:
        found, notes = _from_path(source)
        origin = f"local {source}"
    if not found:
        raise DataError(f"task.source={source}: holds no recording; give {_LAYOUTS}")
    found.sort(key=lambda recording: recording.name)
    return (_official(found, source) if split == "official" else _by_speaker(found, split)), origin, notes


def _from_path(source: str) -> tuple[list[Recording], list[str]]:
    path = find(source, f"give builtin, hub:mteb/free-spoken-digit-dataset, or a folder of {_LAYOUTS}")
    if path.is_file():
        return list(_from_parquet([path])), []
    found = walk(path, [".parquet"], depth=2)
    tables = [file for file in found.files if file.parent in (path, path / "data")]
    if tables and not is_laid_out(path):
        return list(_from_parquet(tables)), [replace(found, files=tables, others=[]).note()]
    return from_folder(path)


def _from_parquet(files: list[Path]) -> Iterator[Recording]:
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    for path in files:
        split = next((split for split in ("train", "valid", "test") if path.name.lower().startswith(split)), None)
        try:
            table = pyarrow.parquet.read_table(path, columns=["audio", "label"])
            rows = table.to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(path, error, "name a parquet file") from error
        if missing := {"audio", "label"} - set(table.column_names):
            raise DataError(f"{path}: has no column {', '.join(sorted(missing))}; it must have audio and label")
        yield from _of_rows(rows, path.name, split)


def _from_hub(source: str, split: Split) -> Iterator[Recording]:
    from datasets import Audio  # type: ignore[import-untyped]

    rows = hub_rows(source, split, {"audio": "dict", "label": "int64"}, _REMEDY)
    yield from _of_rows(rows.cast_column("audio", Audio(decode=False)), split, split)


def _of_rows(rows: Iterable[dict[str, Any]], table: str, split: Any) -> Iterator[Recording]:
    """Rows of `audio {bytes, path}` and `label`, a word or a digit."""
    for number, row in enumerate(rows):
        place = f"{table}, row {number}"
        audio, label = row["audio"], row["label"]
        if not (isinstance(audio, dict) and isinstance(audio.get("bytes"), bytes)):
            raise DataError(f"{place}: audio holds no bytes; store the sound itself in the table")
        word = label if isinstance(label, str) and label else digit(place, label)
        name = str(audio.get("path") or "").rpartition("/")[2]
        yield Recording(f"{place}: {name}" if name else place, word, audio["bytes"], split)


def _official(recordings: list[Recording], source: str) -> list[Recording]:
    """The source's own train and test; where it has no valid part, one is taken from train."""
    named = all(is_spoken_digit(recording.name) for recording in recordings)
    if any(recording.split is None for recording in recordings):
        if not named:
            raise DataError(f"task.source={source}: does not mark its test recordings; give {_LAYOUTS}")
        numbers = [int(spoken_digit(recording.name)[2]) for recording in recordings]
        return [
            replace(recording, split="test" if number in _TEST else "valid" if number in _VALID else "train")
            for recording, number in zip(recordings, numbers, strict=True)
        ]
    if any(recording.split == "valid" for recording in recordings):
        return recordings
    train = [recording for recording in recordings if recording.split == "train"]
    rest = [recording for recording in recordings if recording.split != "train"]
    if named:
        held_out = [int(spoken_digit(recording.name)[2]) in _VALID for recording in train]
    else:
        words = sorted({recording.word for recording in train})
        labels = torch.tensor([words.index(recording.word) for recording in train])
        held_out = stratified(labels, _VALID_SHARE, _VALID_SEED).tolist()
    carved = [replace(each, split="valid") if out else each for each, out in zip(train, held_out, strict=True)]
    return carved + rest


def _by_speaker(recordings: list[Recording], split: str) -> list[Recording]:
    """One speaker is for testing; of the others recordings 5 to 9 are for validation."""
    wanted = split.removeprefix("speaker:")
    parts = [spoken_digit(recording.name) for recording in recordings]
    speakers = sorted({speaker for _, speaker, _ in parts})
    if wanted not in speakers:
        raise DataError(f"task.split={split}: no such speaker; there are {', '.join(speakers)}")
    return [
        replace(recording, split="test" if speaker == wanted else "valid" if int(number) in _VALID else "train")
        for recording, (_, speaker, number) in zip(recordings, parts, strict=True)
    ]
