"""Character language modelling: predict every next character of a real text.

Data card. Sutskever, Martens & Hinton, "Generating text with recurrent neural networks", ICML 2011.

Text: `source` and `encoding` name it, in the forms of `common.texts.text.read_text`. The default is the reference
documentation in Python itself (465 kB of English, PSF licence). Its wording, and with it its fingerprint (SHA-256 of
the text), depends on the Python version. Its pages repeat phrases: about a quarter of the test split's sequences of 32
characters are also in train, which improves all scores. Use it to compare cells, but not to compare with other texts.

Splits: contiguous, in the order train, valid, test, cut at the fractions `splits` of the characters, rounded down. With
a test fraction of 0 there is no test split, and valid gets all the rest. With `splits: own` the source has separate
splits, in the forms of `common.texts.text.read_splits`.

Characters: code points, of text in NFC (`normalise: nfc`), so that a letter and its mark are one character however the
file spells them; `none` takes the code points as they stand. In latin-1 each byte of a file is a character. With
`symbols: spaced` a file has a space between every two characters and `_` for a space, as Mikolov's Penn Treebank has
them, and the spaces between are no symbols: its 5,017,482 / 393,042 / 442,423 characters, line ends included, are those
that are published.

Vocabulary: the characters of train by code point. Id 0 is for all other characters and decodes to U+FFFD.

Batches: lanes and windows of `length` time steps, from `common.texts.stream.Stream`. With `scored: last` a window is a
sequence of its own, and of its `length` characters only the next one is predicted (many to one).

Metric: bits per character, the mean of -log2 p(character | all characters before it in its lane). Nats and perplexity
are also per character. Chance is uniform over the vocabulary. Baselines are uniform, unigram and bigram
(`common.texts.ngram`), fitted to train and scored on test, or on valid without a test split.

Audit (`bench check task=charlm --audit`, a GRU of 32 units, 300 steps), bits per character: with shuffled labels 4.602
(the best constant 4.675); in order 2.657, from the end 4.04, in random order 3.901. Of 368 sequences of test 0% are in
train and 4.35% near one of it, as 2.45% of train are near others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from bench.api import DataError, Metric

from .common.texts.stream import SCORED_LANES, Scored, Splits, Stream, read_stream
from .common.texts.words import composed, composed_note

__all__ = ["SCORED_LANES", "UNKNOWN", "CharLM", "code_points"]

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_SPACED = 0.4
"""Share of spaces from which a text looks `spaced`; in prose it is below 0.2."""


class CharLM(Stream):
    """The characters of `source`, in windows of `length` time steps; `splits` are fractions of train, valid and test.

    Raises ValueError for options out of range, DataError for a text that cannot be read or is too short.
    """

    unit = "character"

    def __init__(
        self,
        source: str | list[str] = "builtin",
        encoding: str = "utf-8",
        length: int = 64,
        splits: Splits = (0.9, 0.05, 0.05),
        symbols: Literal["character", "spaced"] = "character",
        normalise: Literal["nfc", "none"] = "nfc",
        scored: Scored = "every",
    ) -> None:
        super().__init__(length, splits, scored)
        self._spaced, self._composes = symbols == "spaced", normalise == "nfc"
        corpus, texts = read_stream(source, encoding, splits, self._symbols)
        self.characters = [UNKNOWN, *sorted(set(texts["train"]))]
        size = len(self.characters)
        narrowest = np.min_scalar_type(-size)  # signed, as torch has few unsigned types
        self._table = np.zeros(0x110000, narrowest)  # from code point to id
        self._table[[ord(character) for character in self.characters[1:]]] = np.arange(1, size)
        ids = {split: self._to_ids(text) for split, text in texts.items()}
        self.set_stream("charlm-v1", corpus, ids, size, [] if source == "builtin" else self._notes(corpus.text))

    def _symbols(self, text: str) -> str:
        """The characters that are predicted, of a file's text."""
        text = composed(text) if self._composes else text
        return _without_spaces_between(text) if self._spaced else text

    def _notes(self, text: str) -> list[str]:
        notes = composed_note(text) if self._composes else []
        if not self._spaced and text.count(" ") > _SPACED * len(text):
            notes.append("about every other character is a space: set task.symbols=spaced if they only part characters")
        return notes

    def metric(self, size: int, bits: Mapping[str, float]) -> Metric:
        return Metric("bits_per_character", "bits", "min", chance=math.log2(size), baselines=bits, lowest=0.0)

    def encode(self, text: str) -> list[int]:
        """Ids of the characters of `text`; 0 for characters that are not in train."""
        return self._to_ids(composed(text) if self._composes else text).tolist()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`; U+FFFD for id 0."""
        return "".join(self.characters[i] for i in ids)

    def _to_ids(self, text: str) -> np.ndarray:
        return np.concatenate([self._table[codes] for codes in code_points(text)])


def _without_spaces_between(text: str) -> str:
    """`a _ b` as `a b`, line by line; DataError where more than one character stands between two spaces."""
    lines = [line.split() for line in text.split("\n")]
    for number, line in enumerate(lines, 1):
        if wrong := next((symbol for symbol in line if len(symbol) > 1), None):
            raise DataError(
                f"line {number} has {wrong!r} between spaces, where task.symbols=spaced expects one character; "
                "set task.symbols=character for text as it is written"
            )
    return "\n".join("".join(line).replace("_", " ") for line in lines)


def code_points(text: str, chunk: int = 1 << 22) -> Iterator[np.ndarray]:
    """The code points of `text`, `chunk` characters at a time: a large text needs little memory beside its ids.

    One empty piece stands for a text without characters.
    """
    for start in range(0, max(len(text), 1), chunk):
        yield np.frombuffer(text[start : start + chunk].encode("utf-32-le", "surrogatepass"), np.uint32)
