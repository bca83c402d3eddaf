"""Word recognition from speech features: read a short recording frame by frame, then classify its word.

Data card. Recordings, by `source`:
- `builtin`: 20 words of two different vowels each (`ai`, `ia`, ...), synthesised by `common.sounds.vowels`: 40 speakers
  in train, 10 others in valid and 10 others in test, with 40 utterances each.
- a folder of the Free Spoken Digit Dataset (Jackson et al., Zenodo, doi 10.5281/zenodo.1342401, CC BY-SA 4.0): files
  `recordings/DIGIT_SPEAKER_INDEX.wav`, 6 speakers, 3,000 recordings of 0.14 to 2.28 s at 8 kHz. `split: official`:
  recordings 0 to 4 of each speaker and digit are test, all others train, of which 5 to 9 serve as valid here.
  `split: speaker:NAME` leaves one speaker out for testing; 5 to 9 of the others are valid.
- a folder of Speech Commands (Warden, arXiv 1804.03209, 2018, CC BY 4.0), with a folder for each word; its two lists
  name the recordings of valid and test. Folders that begin with `_` are ignored. Its recordings have 16 kHz. Without
  lists the hash that made them decides: of the file's name up to `_nohash_`, 10% valid and 10% test.
- parquet files `train*` and `test*`, or `hub:mteb/free-spoken-digit-dataset`, with the columns `audio` (bytes, path)
  and `label`. Without a valid part, valid is taken out of train: by number as above, or 10% of each word.
WAV, FLAC, Ogg, AIFF and MP3 are read. The fingerprint is a SHA-256 of names, words and file contents.

Features are those of `common.sounds.audio`, with mean 0 and variance 1 over all frames of train (`normalise: corpus`),
over each recording (`utterance`), or not normalised (`none`). They are stored on the disk, under a hash of data and
options.

Metric: accuracy at the last frame. Chance is the share of train's most frequent word in test, or that of a word drawn
at random where this is more. The baseline `mean_features` is a linear classifier of the features' mean over time, which
does not depend on their order.

Audit (`bench check task=speech --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 0.055 (the best
constant 0.05); in order 0.7525, from the end 0.77, in random order 0.4775. Of 400 sequences of test none is in train or
near one of it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal

import torch
from torch import Tensor

from bench.api import DataError, Features, Split

from .common.files.overlap import shared_with_train
from .common.files.prepared import check_checksum, prepared
from .common.files.reading import some
from .common.sequences.classification import Classification, Labelled
from .common.sequences.normalise import By, mean_accuracy, normalised, spread_notes
from .common.sequences.ragged import Ragged
from .common.sounds import vowels
from .common.sounds.audio import Corrupt, Recipe, at_rate, features, read_wave
from .common.sounds.recordings import Recording, read_recordings

_log = logging.getLogger("bench")
_SPLITS: tuple[Split, ...] = ("train", "valid", "test")
_VERSION = 2  # goes up whenever features of the same sound change, or which sounds can be read


class Speech(Classification):
    """The words of `source`; `sample_rate` is in Hz, `window_ms` and `stride_ms` are in milliseconds.

    `checksum` is the fingerprint that the data must have; None accepts any data. With `corrupt: skip`, unreadable
    recordings are named, counted and left out. Raises ValueError for options out of range, DataError for recordings
    that cannot be read.
    """

    def __init__(
        self,
        source: str = "builtin",
        split: str = "official",
        features: Literal["logmel", "mfcc"] = "logmel",
        sample_rate: int = 8000,
        resample: bool = True,
        window_ms: float = 25.0,
        stride_ms: float = 10.0,
        mels: int = 40,
        coefficients: int = 13,
        deltas: int = 0,
        normalise: Literal["none", "utterance", "corpus"] = "corpus",
        corrupt: Literal["stop", "skip"] = "stop",
        checksum: str | None = None,
    ) -> None:
        said: Sequence[tuple[Split | None, str]]
        notes: list[str] = []
        shared: list[str] = []
        recipe = Recipe(features, sample_rate, window_ms, stride_ms, mels, coefficients, deltas)
        if source == "builtin":
            origin, licence, fingerprint = "generated: spoken vowels by source-filter synthesis", "none needed", None
            if split != "official":
                raise ValueError(f"task.split={split}: the builtin source has the split official alone")
            said, heard = vowels.labels(), _synthesised(recipe)
        else:
            recordings, origin, notes = read_recordings(source, split)
            licence, fingerprint = "as its source states", _fingerprint(recordings)
            recordings, heard = _heard(source, recordings, fingerprint, recipe, resample, corrupt)
            said = [(each.split, each.word) for each in recordings]
            sounds = {split: [each.sound for each in recordings if each.split == split] for split in _SPLITS}
            notes, shared = [*notes, *_lacking(said)], shared_with_train("recordings", sounds)
        check_checksum(f"task.source={source}", fingerprint or "none (generated data)", checksum)
        classes = sorted({word for split, word in said if split == "train"})
        raw = _divided(said, classes, heard)
        by: By = "sequence" if normalise == "utterance" else normalise
        if source != "builtin":
            notes += spread_notes(raw, by, "feature")
        self.set_data(
            id="speech-v1",
            inputs=Features(recipe.size),
            classes=classes,
            splits=normalised(raw, by),
            source=origin,
            licence=licence,
            fingerprint=fingerprint,
            baselines={"mean_features": mean_accuracy(raw["train"], raw["test"])},
            notes=notes,
            shared=shared,
            rate=recipe.rate,
        )


def _synthesised(recipe: Recipe) -> Ragged:
    """Features of the spoken vowels."""

    def make() -> dict[str, Tensor]:
        waves = (at_rate("", wave_S, vowels.SAMPLE_RATE, recipe.sample_rate, True) for wave_S in vowels.spoken())
        return _packed(features(wave_S, recipe) for wave_S in waves)

    tensors = prepared("speech", {"vowels": vowels.VERSION, "version": _VERSION, **asdict(recipe)}, make)
    return Ragged(tensors["values"], tensors["starts"])


def _heard(
    source: str, recordings: list[Recording], fingerprint: str, recipe: Recipe, resample: bool, corrupt: str
) -> tuple[list[Recording], Ragged]:
    """The recordings that can be read, and their features."""

    def sound(recording: Recording) -> Tensor:
        wave_S, rate = read_wave(recording.name, recording.content)
        return features(at_rate(recording.name, wave_S, rate, recipe.sample_rate, resample), recipe)

    def make() -> dict[str, Tensor]:
        found, bad = [], []
        for number, recording in enumerate(recordings):
            try:
                found.append(sound(recording))
            except Corrupt:
                bad.append(number)
        return {**_packed(found), "bad": torch.tensor(bad, dtype=torch.int64)}

    key = {"data": fingerprint, "resample": resample, "version": _VERSION, **asdict(recipe)}
    tensors = prepared("speech", key, make)
    bad = tensors["bad"].tolist()
    for number in bad:
        try:
            sound(recordings[number])
        except Corrupt as error:
            count = f"{len(bad)} of {len(recordings)} recordings are corrupt"
            if corrupt == "stop":
                raise DataError(
                    f"task.source={source}: {error}; {count}: mend them, or set task.corrupt=skip to leave them out"
                ) from None
            _log.warning("left out: %s", error)
    if bad:
        _log.warning("task.source=%s: %d of %d recordings are corrupt and left out", source, len(bad), len(recordings))
    left_out = set(bad)
    kept = [recording for number, recording in enumerate(recordings) if number not in left_out]
    return kept, Ragged(tensors["values"], tensors["starts"])


def _packed(sequences: Iterable[Tensor]) -> dict[str, Tensor]:
    parts = list(sequences)
    if not parts:
        return {"values": torch.zeros(0), "starts": torch.zeros(1, dtype=torch.int64)}
    ragged = Ragged.of(parts)
    return {"values": ragged.values, "starts": ragged.starts}


def _divided(said: Sequence[tuple[Split | None, str]], classes: list[str], heard: Ragged) -> dict[Split, Labelled]:
    """The features of each split; one without a recording is refused, and a word that train does not hold."""
    sequences, numbers = list(heard), {word: number for number, word in enumerate(classes)}
    data: dict[Split, Labelled] = {}
    for split in _SPLITS:
        of_split = [number for number, (where, _) in enumerate(said) if where == split]
        if not of_split:
            raise DataError(f"the {split} split holds no recording; add some, or choose another task.split")
        words = [said[number][1] for number in of_split]
        if unknown := sorted(set(words) - set(classes)):
            raise DataError(f"{split} holds recordings of {', '.join(unknown)}, train none; add some to train")
        labels = torch.tensor([numbers[word] for word in words])
        data[split] = Labelled(Ragged.of(sequences[number] for number in of_split), labels)
    return data


def _lacking(said: Sequence[tuple[Split | None, str]]) -> list[str]:
    """What is said of the words that train holds and another split does not."""
    words = {split: {word for where, word in said if where == split} for split in _SPLITS}
    lacking = {split: sorted(words["train"] - words[split]) for split in _SPLITS[1:]}
    return [f"{split} holds no recording of {some(missing, 5)}" for split, missing in lacking.items() if missing]


def _fingerprint(recordings: list[Recording]) -> str:
    digest = hashlib.sha256()
    for recording in sorted(recordings, key=lambda each: each.name):
        digest.update(recording.digest)
    return digest.hexdigest()
