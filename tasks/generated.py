"""Generated sequences in splits that are disjoint by construction."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from bench.api import Split

_SEEDS: dict[str, int] = {"valid": 1_000_003, "test": 2_000_003}
_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # the constants of SplitMix64


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def split_of(sequences_NS: Tensor) -> Tensor:
    """The split `[N]` that each sequence of integers belongs to by a hash of its content: 0 train, 1 valid, 2 test.

    One sequence in ten is a valid one and one in ten a test one. The hash is SplitMix64's finaliser (Steele, Lea &
    Flood 2014) chained over the sequence, so that no simple rule tells the splits apart.
    """
    gamma, first, second = (_signed(word) for word in _MIX)
    hash_N = torch.zeros(len(sequences_NS), dtype=torch.int64)
    for symbol_N in sequences_NS.unbind(1):
        hash_N = hash_N * 31 + symbol_N + gamma
        hash_N = (hash_N ^ (hash_N >> 30)) * first
        hash_N = (hash_N ^ (hash_N >> 27)) * second
        hash_N = hash_N ^ (hash_N >> 31)
    bucket_N = hash_N.remainder(10)
    return torch.where(bucket_N < 8, 0, bucket_N - 7)


def draw(split: Split, count: int, sample: Callable[[int, Generator], Tensor], generator: Generator) -> Tensor:
    """`count` sequences `[count, S]` of one split, by rejection from `sample(n, generator) -> [n, S]`."""
    wanted = ("train", "valid", "test").index(split)
    kept: list[Tensor] = []
    missing = count
    while missing > 0:
        sequences_NS = sample(missing * 2 if split == "train" else missing * 12, generator)
        kept.append(sequences_NS[split_of(sequences_NS) == wanted][:missing])
        missing -= len(kept[-1])
    return torch.cat(kept)


def held_out(split: Split) -> Generator:
    """The generator of a valid or test split: the same in every run, so that all runs are scored on the same data."""
    return torch.Generator().manual_seed(_SEEDS[split])
