"""Sequences that are near others: equal in nine time steps of ten, features rounded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from torch import Generator

from bench.api import Batch, Split, Task

_SEGMENTS = 8  # of which a sequence that is near another is taken to have one in common
_NEAR = 0.9  # the share of equal time steps
_BINS = 4  # of a standard deviation: numbers in the same one are equal
_BATCHES, _LANES = 200, 64  # of each split that are looked through
_FEW = 1000  # sequences that tell how inputs spread
_LOTS = 10  # of train, each a tenth of the lanes: where these go on, of one stretch of the data
_CANDIDATES = 16  # with a segment in common, that are compared


class Near(NamedTuple):
    """Shares of the `sequences` of test that were looked at: `exact`ly in train, and `near` one of train; and of the
    tenth of train that repeats the rest most, the share `own` that is near one of the rest."""

    sequences: int
    exact: float
    near: float
    own: float


def near_train(task: Task) -> Near | None:
    """How much of test (of valid, where test is empty) is in train, over 200 batches; None where nothing is held out.

    Two sequences are near that are equal in nine of ten time steps, without those at which both have the commonest
    input, such as a blank.
    """
    train = _read(task, "train")
    held_out = _read(task, "test") or _read(task, "valid")
    if not train or not held_out:
        return None
    width = _width(train)
    known, others = ([_rounded(each, width) for each in lot] for lot in (train, held_out))
    blank = Counter(row.tobytes() for each in known[:_FEW] for row in each).most_common(1)[0][0]
    seen = {each.tobytes() for each in known}
    exact = sum(each.tobytes() in seen for each in others) / len(others)
    index = _Index(known, blank)
    lots = [[place for place in range(len(known)) if place % _LANES * _LOTS // _LANES == lot] for lot in range(_LOTS)]
    own = [sum(index.has_near(known[place], {*lot}) for place in lot) / len(lot) for lot in lots if lot]
    return Near(len(others), exact, sum(map(index.has_near, others)) / len(others), max(own))


def _read(task: Task, split: Split) -> list[np.ndarray]:
    """The inputs of each sequence, a row a time step, without padding."""
    batches = islice(task.batches(split, _LANES, Generator().manual_seed(0)), _BATCHES)
    return [each for batch in batches for each in _lanes(batch)]


def _lanes(batch: Batch) -> Iterable[np.ndarray]:
    steps, lanes = batch.inputs.shape[:2]
    rows = batch.inputs.numpy().reshape(steps, lanes, -1)
    lengths = [steps] * lanes if batch.lengths is None else [min(int(n), steps) for n in batch.lengths]
    return (rows[:length, lane] for lane, length in enumerate(lengths) if length)  # none where a lane's text has ended


def _width(sequences: Sequence[np.ndarray]) -> np.ndarray | None:
    """The width of a bin of each feature; None for symbols."""
    if not np.issubdtype(sequences[0].dtype, np.floating):
        return None
    deviation = np.concatenate(sequences[:_FEW]).std(0)
    return np.where(deviation > 0, deviation, 1) / _BINS


def _rounded(rows: np.ndarray, width: np.ndarray | None) -> np.ndarray:
    return rows if width is None else np.round(rows / width).astype(np.int32)


class _Index:
    """Sequences by their segments."""

    def __init__(self, sequences: Sequence[np.ndarray], blank: bytes) -> None:
        self._sequences, self._blank = sequences, blank
        self._places = defaultdict(list)
        for place, rows in enumerate(sequences):
            for key in _segments(rows, blank):
                self._places[key].append(place)

    def has_near(self, rows: np.ndarray, without: Collection[int] = ()) -> bool:
        """Whether a sequence is near one of these, other than those at the places `without`."""
        keys = [key for key in _segments(rows, self._blank) if key in self._places]
        alike = (islice((p for p in self._places[key] if p not in without), _CANDIDATES) for key in keys)
        return any(_are_near(rows, self._sequences[p], self._blank) for p in dict.fromkeys(chain.from_iterable(alike)))


def _are_near(one: np.ndarray, other: np.ndarray, blank: bytes) -> bool:
    empty = np.frombuffer(blank, one.dtype)
    counts = ~((one == empty).all(1) & (other == empty).all(1))
    return not counts.any() or bool((one == other).all(1)[counts].mean() >= _NEAR)


def _segments(rows: np.ndarray, blank: bytes) -> list[tuple[int, int, bytes]]:
    """The parts of a sequence that are not blank, each with its number and the sequence's length."""
    parts = [part.tobytes() for part in np.array_split(rows, min(_SEGMENTS, len(rows)))]
    found = [(len(rows), at, part) for at, part in enumerate(parts) if part != blank * (len(part) // len(blank))]
    return found or [(len(rows), 0, parts[0])]
