"""One recording of a word, and what the names of Free Spoken Digits say."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.api import DataError, Split

from ..files.reading import read_bytes

__all__ = ["Recording", "digit", "is_spoken_digit", "spoken_digit"]

_SPOKEN_DIGIT = re.compile(r"(\d+)_([^_/]+)_(\d+)\.\w+$")


@dataclass(frozen=True)
class Recording:
    """One recording: its name, its word, its sound (a file's path or bytes), and its split.

    `split` is None where the layout of the source does not give one.
    """

    name: str
    word: str
    content: Path | bytes
    split: Split | None = None

    @property
    def digest(self) -> bytes:
        """A hash of all but the split."""
        return hashlib.sha256(f"{self.name}\0{self.word}\0".encode() + self.sound).digest()

    @cached_property
    def sound(self) -> bytes:
        """A hash of the sound alone."""
        data = read_bytes(self.content) if isinstance(self.content, Path) else self.content
        return hashlib.sha256(data).digest()


def is_spoken_digit(name: str) -> bool:
    """Whether a file is named as those of Free Spoken Digits."""
    return _SPOKEN_DIGIT.search(name) is not None


def spoken_digit(name: str) -> tuple[str, str, str]:
    """Digit, speaker and number of a recording of Free Spoken Digits, out of its file's name."""
    match = _SPOKEN_DIGIT.search(name)
    if match is None:
        raise DataError(f"{name}: is not named DIGIT_SPEAKER_INDEX.wav, so its speaker is unknown; rename or remove it")
    return match[1], match[2], match[3]


def digit(place: str, label: object) -> str:
    """The word of a label from 0 to 9."""
    if not (isinstance(label, int) and 0 <= label <= 9):
        raise DataError(f"{place}: label {label} is out of range 0 to 9; correct it")
    return str(label)
