"""Numbers in words, in two languages, from num2words: a small translation that no word-by-word table solves."""

from __future__ import annotations

import hashlib
import re
from importlib import metadata

import torch
from num2words import CONVERTER_CLASSES, num2words

from bench.api import DataError

from ..generated import check_range, split_of
from .sentences import SPLITS, Parallel, kept_lines

__all__ = ["number_pairs"]

_KNOWN = 100  # train has all numbers up to this one, and with them every word
_LEAST, _MOST = 200, 99_999


def number_pairs(languages: tuple[str, str], largest: int) -> Parallel:
    """The numbers from 0 to `largest` in words of both languages: those up to 100 in train, of the others one in ten in
    valid and one in ten in test, by a hash of the number.

    Hyphens are written as spaces, and commas left out. Raises ValueError for an unknown language or a `largest` out of
    range, DataError where a language has no words for a number.
    """
    check_range(_LEAST, _MOST, largest=largest)
    for option, language in zip(("source_language", "target_language"), languages, strict=True):
        if language not in CONVERTER_CLASSES:
            known = ", ".join(sorted(CONVERTER_CLASSES))
            raise ValueError(f"task.{option}={language}: num2words does not know it; choose one of {known}")
    recipe = {"num2words": metadata.version("num2words"), "languages": languages, "largest": largest, "version": 1}
    lines = kept_lines(recipe, lambda: [_words(n, language) for language in languages for n in range(largest + 1)])
    rows = list(zip(lines[: largest + 1], lines[largest + 1 :], strict=True))
    number_N = torch.arange(largest + 1)
    split_N = torch.where(number_N > _KNOWN, split_of(number_N[:, None]), 0).tolist()
    return Parallel(
        pairs={name: [row for row, at in zip(rows, split_N, strict=True) if at == i] for i, name in enumerate(SPLITS)},
        origin=f"num2words, 0 to {largest}, {' to '.join(languages)}",
        licence="LGPL 2.1 (num2words)",
        fingerprint=hashlib.sha256("\n".join(map("\t".join, rows)).encode()).hexdigest(),
    )


def _words(number: int, language: str) -> str:
    try:
        words = num2words(number, lang=language)
    except Exception as error:  # each language has its own ways to fail
        raise DataError(
            f"num2words has no words for {number} in {language} ({error or type(error).__name__}); "
            "lower task.largest or choose another language"
        ) from error
    return " ".join(re.sub("[-,\N{SOFT HYPHEN}]", " ", words).split())
