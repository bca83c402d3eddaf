"""N-gram models of a sequence of symbols: the scores that a language model has to beat."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

__all__ = ["SMOOTHING", "entropies"]

SMOOTHING = 0.1  # near the best for the bigrams of English characters: a baseline is to be strong
_CHUNK = 1 << 22


def entropies(train: np.ndarray, scored: np.ndarray, size: int) -> dict[str, float]:
    """Cross-entropies in bits a symbol of every symbol of `scored` but its first, under models fitted to `train`.

    Both hold at least two symbols, as integers in `[0, size)`. With counts n over train, V = `size`,
    s = `SMOOTHING`:

        uniform p(b) = 1 / V        unigram p(b) = (n(b) + s) / (n + s V)
                                    bigram  p(b | a) = (n(a b) + s) / (n(a) + s V)
    """
    contexts, targets = scored[:-1].astype(np.int64), scored[1:].astype(np.int64)
    counts = np.sum([np.bincount(chunk, minlength=size) for chunk in _chunks(train)], axis=0)
    followed = counts - (np.arange(size) == train[-1])  # the last symbol of train has no successor
    pairs = _count_pairs(train, contexts * size + targets, size)
    unigram = (counts[targets] + SMOOTHING) / (len(train) + SMOOTHING * size)
    bigram = (pairs + SMOOTHING) / (followed[contexts] + SMOOTHING * size)
    return {
        "uniform": math.log2(size),
        "unigram": float(-np.log2(unigram).mean()),
        "bigram": float(-np.log2(bigram).mean()),
    }


def _count_pairs(ids: np.ndarray, wanted: np.ndarray, size: int) -> np.ndarray:
    """How often each of the pairs `a * size + b` in `wanted` stands in `ids`.

    Counting these only, and not all `size * size`, serves a vocabulary of any size.
    """
    keys, index = np.unique(wanted, return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    for chunk in _chunks(ids, overlap=1):
        pairs = chunk[:-1] * size + chunk[1:]
        slots = np.searchsorted(keys, pairs).clip(max=len(keys) - 1)
        counts += np.bincount(slots[keys[slots] == pairs], minlength=len(keys))
    return counts[index]


def _chunks(ids: np.ndarray, overlap: int = 0) -> Iterator[np.ndarray]:
    """`ids` in int64, piece by piece: of a large text there is never a wide copy of the whole."""
    return (ids[start : start + _CHUNK + overlap].astype(np.int64) for start in range(0, len(ids), _CHUNK))
