"""N-gram models of a sequence of symbols: the scores that a language model has to beat."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

__all__ = ["SMOOTHING", "entropies"]

SMOOTHING = 0.1  # near the best for the bigrams of English characters: a baseline is to be strong


def entropies(train: np.ndarray, scored: np.ndarray, size: int, chunk: int = 1 << 22) -> dict[str, float]:
    """Cross-entropies in bits a symbol of every symbol of `scored` but its first, under models fitted to `train`.

    Both hold at least two symbols, as integers in `[0, size)`. With counts n over train, V = `size`,
    s = `SMOOTHING`:

        uniform p(b) = 1 / V        unigram p(b) = (n(b) + s) / (n + s V)
                                    bigram  p(b | a) = (n(a b) + s) / (n(a) + s V)

    Train is counted `chunk` symbols at a time, so that of a large text there is never a wide copy of the whole.
    """
    contexts, targets = scored[:-1].astype(np.int64), scored[1:].astype(np.int64)
    counts = np.sum([np.bincount(ids, minlength=size) for ids in _chunks(train, chunk)], axis=0)
    followed = counts - (np.arange(size) == train[-1])  # the last symbol of train has no successor
    pairs = _count_pairs(train, contexts * size + targets, size, chunk)
    unigram = (counts[targets] + SMOOTHING) / (len(train) + SMOOTHING * size)
    bigram = (pairs + SMOOTHING) / (followed[contexts] + SMOOTHING * size)
    return {
        "uniform": math.log2(size),
        "unigram": float(-np.log2(unigram).mean()),
        "bigram": float(-np.log2(bigram).mean()),
    }


def _count_pairs(ids: np.ndarray, wanted: np.ndarray, size: int, chunk: int) -> np.ndarray:
    """How often each of the pairs `a * size + b` in `wanted` stands in `ids`.

    Counting these only, and not all `size * size`, serves a vocabulary of any size.
    """
    keys, index = np.unique(wanted, return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    for part in _chunks(ids, chunk, overlap=1):
        pairs = part[:-1] * size + part[1:]
        slots = np.searchsorted(keys, pairs).clip(max=len(keys) - 1)
        counts += np.bincount(slots[keys[slots] == pairs], minlength=len(keys))
    return counts[index]


def _chunks(ids: np.ndarray, chunk: int, overlap: int = 0) -> Iterator[np.ndarray]:
    """`ids` in int64, `chunk` of them at a time, each piece with the first `overlap` of the next."""
    return (ids[start : start + chunk + overlap].astype(np.int64) for start in range(0, len(ids), chunk))
