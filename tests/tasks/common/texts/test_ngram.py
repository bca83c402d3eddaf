"""Baselines are what their formulas say, for any sequence and however it is cut into chunks."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tasks.common.texts import ngram

SIZE = 5
sequences = st.lists(st.integers(0, SIZE - 1), min_size=2, max_size=40)


def slow_entropies(train, scored):
    """The formulas, one symbol at a time."""
    alone, before, pairs = Counter(train), Counter(train[:-1]), Counter(pairwise(train))
    s = ngram.SMOOTHING
    unigram = [(alone[b] + s) / (len(train) + s * SIZE) for b in scored[1:]]
    bigram = [(pairs[a, b] + s) / (before[a] + s * SIZE) for a, b in pairwise(scored)]
    bits = {"uniform": [1 / SIZE] * len(unigram), "unigram": unigram, "bigram": bigram}
    return {name: -sum(map(math.log2, p)) / len(p) for name, p in bits.items()}


@given(train=sequences, scored=sequences, chunk=st.integers(1, 50))
def test_entropies_equal_the_formulas(train, scored, chunk):
    found = ngram.entropies(np.array(train, np.int8), np.array(scored, np.int8), SIZE, chunk)
    assert found == pytest.approx(slow_entropies(train, scored))


def test_pairs_do_not_overflow_the_narrow_type_of_the_ids():
    ids = np.array([100, 101] * 500, np.int8)
    found = ngram.entropies(ids, ids, 120)
    assert found == pytest.approx({"uniform": math.log2(120), "unigram": 1, "bigram": 0}, abs=0.1)
