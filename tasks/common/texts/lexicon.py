"""The baseline of translations: a lexicon of single words, and no grammar."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from torch import Tensor, from_numpy

from ..sequences.ragged import Ragged

__all__ = ["lexicon"]


def lexicon(sources: Ragged, targets: Ragged, source_size: int, target_size: int) -> Tensor:
    """The best target symbol for each source symbol, `[source_size]`; 0 for a source symbol that never occurs.

    Sentence i of `targets` translates sentence i of `sources`. The best symbol s for a source symbol r has the highest
    Dice coefficient 2 n(r, s) / (n(r) + n(s)), where n counts the sentences with a symbol, or with both.
    """
    source, target = _occurrences(sources, source_size), _occurrences(targets, target_size)
    both = (source.T @ target).tocoo()
    source_n, target_n = (np.asarray(one.sum(0)).ravel() for one in (source, target))
    dice = 2 * both.data / (source_n[both.row] + target_n[both.col])
    best = np.zeros(source_size, dtype=np.int64)
    worst_first = np.lexsort((-both.col, dice))  # of equally good ones the most frequent, which has the lowest number
    best[both.row[worst_first]] = both.col[worst_first]
    return from_numpy(best)


def _occurrences(sentences: Ragged, size: int) -> csr_matrix:
    """Which symbols stand in which sentence: ones at `[sentence, symbol]`."""
    values, starts = sentences.values.numpy(), sentences.starts.numpy()
    matrix = csr_matrix((np.ones(len(values), np.float32), values, starts), shape=(len(sentences), size))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
