"""Tokens as numbers: a vocabulary with a place for all tokens that it does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch

from ..sequences.ragged import Ragged

__all__ = ["UNKNOWN", "Vocabulary"]

UNKNOWN = "<unk>"


@dataclass(frozen=True)
class Vocabulary:
    """The `tokens` that have a number of their own, by number; the first is `<unk>`, for all others."""

    tokens: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[Iterable[str]], size: int | None = None, min_count: int = 1) -> Vocabulary:
        """The tokens that occur in `texts` at least `min_count` times, the most frequent first.

        With a `size` the vocabulary has at most `size` tokens, `<unk>` included. Equally frequent tokens are in
        alphabetical order, so that the order of the texts does not matter.
        """
        counts = Counter(chain.from_iterable(texts))
        del counts[UNKNOWN]  # texts such as the Penn Treebank's already contain <unk> for rare words
        kept = sorted((token for token, count in counts.items() if count >= min_count), key=lambda t: (-counts[t], t))
        return cls((UNKNOWN, *kept[: None if size is None else size - 1]))

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The number of each token; 0 for those that have none."""
        numbers = self._numbers
        return [numbers.get(token, 0) for token in tokens]

    def encode_all(self, texts: Iterable[Iterable[str]]) -> Ragged:
        """The texts as sequences of numbers, int64."""
        return Ragged.of(torch.tensor(self.encode(text), dtype=torch.int64) for text in texts)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The token of each number."""
        return [self.tokens[number] for number in numbers]
