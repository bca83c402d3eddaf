"""Spoken vowels, synthesised: a buzzing source through the resonances of a vocal tract.

The source-filter model (Fant, "Acoustic theory of speech production", 1960) with digital resonators in cascade (Klatt,
"Software for a cascade/parallel formant synthesizer", JASA 67, 1980). Formants are those that Peterson & Barney,
"Control methods used in a study of the vowels", JASA 24, 1952, give for men; a speaker's vocal tract scales them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, permutations

import numpy as np
import torch
from torch import Tensor

from bench.api import Split

__all__ = ["SAMPLE_RATE", "VERSION", "WORDS", "labels", "spoken"]

VERSION = 1
SAMPLE_RATE = 8000
_FORMANTS = {  # Hz
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
_BANDWIDTHS = (60, 90, 150)  # Hz
WORDS = tuple("".join(pair) for pair in permutations(_FORMANTS, 2))
"""Two different vowels, one after the other: only the order tells a word from its mirror image."""

_SPEAKERS: dict[Split, range] = {"train": range(40), "valid": range(40, 50), "test": range(50, 60)}
_SAID = WORDS * 2


def labels() -> list[tuple[Split, str]]:
    """Split and word of every utterance, in the order of `spoken`."""
    return [(split, word) for split, speakers in _SPEAKERS.items() for _ in speakers for word in _SAID]


def spoken() -> Iterator[Tensor]:
    """The waves `[samples]`, 0.2 to 0.6 s each: every word, as each of 60 speakers says it twice."""
    for speaker in chain(*_SPEAKERS.values()):
        random = np.random.default_rng([VERSION, speaker])
        tract = random.uniform(0.9, 1.25)
        pitch = 110 * 2 ** random.uniform(-0.4, 1.0)
        for word in _SAID:
            yield _utterance(word, tract, pitch, random)


def _utterance(word: str, tract: float, pitch: float, random: np.random.Generator) -> Tensor:
    """A word in noise, with a pitch, a pace and a loudness of its own."""
    samples = int(SAMPLE_RATE * random.uniform(0.2, 0.6))
    source_S = _glottis(samples, pitch * random.uniform(0.9, 1.1), random)
    before_S, after_S = (_through_tract(source_S, tract * _shaken(vowel, random)) for vowel in word)
    turn, glide = random.uniform(0.35, 0.65), random.uniform(0.05, 0.15)
    share_S = np.clip((np.linspace(0, 1, samples) - turn) / glide + 0.5, 0, 1)
    voice_S = ((1 - share_S) * before_S + share_S * after_S) * np.sin(np.linspace(0, np.pi, samples)) ** 0.5
    voice_S /= np.sqrt(np.mean(voice_S**2))
    noise_S = random.standard_normal(samples) * 10 ** (-random.uniform(10, 30) / 20)
    return torch.from_numpy(0.03 * 2 ** random.uniform(-1, 1) * (voice_S + noise_S)).float()


def _shaken(vowel: str, random: np.random.Generator) -> np.ndarray:
    """A vowel's formants, as no two utterances hit them alike."""
    return np.array(_FORMANTS[vowel]) * random.normal(1, 0.04, 3)


def _glottis(samples: int, pitch: float, random: np.random.Generator) -> np.ndarray:
    """A pulse at the start of each period, falling in pitch, with a spectrum that falls by 6 dB an octave, the lips'
    radiation included.
    """
    from scipy.signal import lfilter  # takes a second to import, and prepared data does without

    pitch_S = pitch * np.linspace(1.1, 0.85, samples) * random.normal(1, 0.01, samples)
    pulses_S = np.diff(np.floor(np.cumsum(pitch_S / SAMPLE_RATE)), prepend=-1)
    return lfilter([1.0], [1.0, -0.95], pulses_S)


def _through_tract(source_S: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """The source after a resonator of unit gain at 0 Hz for each formant."""
    from scipy.signal import sosfilt

    radius_N = np.exp(-np.pi * np.array(_BANDWIDTHS) / SAMPLE_RATE)
    first_N = -2 * radius_N * np.cos(2 * np.pi * np.minimum(formants, 0.48 * SAMPLE_RATE) / SAMPLE_RATE)
    second_N = radius_N**2
    zero_N, one_N = np.zeros(len(formants)), np.ones(len(formants))
    sections = np.stack([one_N + first_N + second_N, zero_N, zero_N, one_N, first_N, second_N], axis=1)
    return sosfilt(sections, source_S)
