"""Words of a text, cut at Unicode's word boundaries, and NFC, in which equal texts are spelled equally."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence

import regex

__all__ = ["SPLITTERS", "UNSPACED", "WORDS", "composed", "composed_note", "unspaced_note", "words"]

WORDS = "words are cut at Unicode's word boundaries (UAX #29), in lower case, contractions in two (do n't)"
"""How `words` cuts a text, for a task's notes."""

UNSPACED = {
    r"[\p{Han}\p{Hiragana}]": "Chinese and Japanese have no spaces: a word there is a single character",
    r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]": "Thai, Lao, Khmer and Burmese have spaces between phrases alone: a word "
    "there is all that stands between two spaces",
}
"""Scripts without spaces between words, and what counts as a word there."""

_START = r"[\p{L}\p{N}_]"
_GOES_ON = r"[\p{L}\p{N}\p{M}_\u00AD\u200C\u200D]"  # marks, the soft hyphen, and what joins or parts letters
_PHRASAL = list(UNSPACED)[1]  # Unicode's rules would cut these at every letter, as they leave them to dictionaries
_WITHIN = rf"(?:\B|(?=\p{{No}})|(?<=\p{{No}})|(?<=[{_PHRASAL}\p{{M}}])(?={_PHRASAL}))"  # and a power stays: m²
_WORD = regex.compile(
    rf"[a-z0-9_]++(?!{_GOES_ON}|')"  # most words of English, at a quarter of the time that the rules below take
    rf"|n't(?!{_GOES_ON})|'(?:s|m|d|re|ve|ll)(?!{_GOES_ON})"
    rf"|{_START}(?:{_WITHIN}{_GOES_ON})*?(?=n't(?!{_GOES_ON}))|{_START}(?:{_WITHIN}{_GOES_ON})*"
    r"|(?![\s\x1C-\x1F\u200B])\X",
    regex.WORD | regex.VERSION1,
)
_SHARE, _SAMPLE = 0.05, 100_000
"""Share of a script in a text's first characters from which a note speaks of it."""


def words(text: str) -> list[str]:
    """Words and punctuation marks of `text` in lower case, contractions in two: `It's good` is `it`, `'s`, `good`.

    Word boundaries are Unicode's (UAX #29), so that a letter keeps its marks; but numbers are cut at their points and
    words at apostrophes, and UNSPACED says what becomes of scripts without spaces. Texts that are already split, with
    spaces between tokens, give the same tokens (`is n't` as `isn't`). Compounds are split at their hyphens.
    """
    return _WORD.findall(text.lower())


SPLITTERS: Mapping[str, Callable[[str], Sequence[str]]] = {"word": words, "character": str, "space": str.split}
"""Ways to split a text into tokens: `words`, its characters, or at its spaces."""


def composed(text: str) -> str:
    """The text in NFC, Unicode's composed form: a letter and its marks are one character where there is one."""
    return unicodedata.normalize("NFC", text)


def composed_note(text: str) -> list[str]:
    """A sentence for a task's notes where a text is not in NFC."""
    if unicodedata.is_normalized("NFC", text):
        return []
    return ["letters and marks were apart (not in NFC) and are read as composed characters"]


def unspaced_note(text: str) -> list[str]:
    """Sentences for a task's notes where much of a text is in scripts without spaces."""
    sample = text[:_SAMPLE]
    return [what for script, what in UNSPACED.items() if len(regex.findall(script, sample)) > _SHARE * len(sample)]
