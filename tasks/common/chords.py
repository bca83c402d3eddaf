"""Generated four-voice chord progressions, as piano rolls: music by a few rules of harmony, and no one's work."""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

__all__ = ["KEYS", "progressions"]

KEYS = 88  # of a piano; the lowest is A0, MIDI note 21
_LOWEST = 21
_MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones of the scale above its tonic
_FOLLOWS = {0: (3, 4, 5, 1), 1: (4, 4, 6), 2: (5, 3), 3: (4, 0, 1), 4: (0, 0, 5), 5: (1, 3, 4), 6: (0, 2)}  # by degree
_PHRASE = 8  # chords, of which the last two are the cadence V I
_HOMES = (72, 67, 60)  # MIDI notes around which soprano, alto and tenor move
_BASS = 48
_PULL = 0.3  # towards home, as a share of the way a voice has to go
_NEIGHBOUR = 0.25  # how often the soprano steps to the note above for a chord's second frame


def progressions(count: int, seed: int) -> list[Tensor]:
    """`count` different pieces, `[T, 88]` uint8 each; the same for the same seed on any machine.

    A piece is in one of twelve major keys and has two to five phrases of eight chords. Which degree follows which is
    drawn from a small table; a phrase ends with V I. A chord sounds for two frames, the last of a phrase for four. The
    bass has the root; each upper voice goes to the nearest free tone of the chord, and the soprano at times on to its
    neighbour.
    """
    random = Random(seed)
    pieces: dict[bytes, Tensor] = {}
    while len(pieces) < count:
        roll_TK = _piece(random)
        pieces.setdefault(roll_TK.numpy().tobytes(), roll_TK)
    return list(pieces.values())


def _piece(random: Random) -> Tensor:
    tonic, voices, frames = _below(random, 12), list(_HOMES), []
    for _ in range(2 + _below(random, 4)):
        degrees = [0]
        while len(degrees) < _PHRASE - 2:
            following = _FOLLOWS[degrees[-1]]
            degrees.append(following[_below(random, len(following))])
        for degree in degrees:
            chord, voices = _voiced(tonic, degree, voices)
            above = [*chord, voices[0] + _step(tonic, voices[0])]
            above.remove(voices[0])
            frames += [chord, above if random.random() < _NEIGHBOUR else chord]
        for degree, length in ((4, 2), (0, 4)):
            chord, voices = _voiced(tonic, degree, voices)
            frames += [chord] * length
    roll_TK = torch.zeros(len(frames), KEYS, dtype=torch.uint8)
    times = torch.arange(len(frames)).repeat_interleave(len(frames[0]))
    roll_TK[times, torch.tensor(frames).flatten() - _LOWEST] = 1
    return roll_TK


def _voiced(tonic: int, degree: int, voices: list[int]) -> tuple[list[int], list[int]]:
    """The chord's notes, bass first, and its upper voices, led from where they were."""
    tones = {(tonic + _MAJOR[(degree + third) % 7]) % 12 for third in (0, 2, 4)}
    root = (tonic + _MAJOR[degree]) % 12
    bass = min((note for note in range(_BASS - 8, _BASS + 8) if note % 12 == root), key=lambda n: (abs(n - _BASS), n))
    led: list[int] = []
    for voice, home in zip(voices, _HOMES, strict=True):
        free = [note for note in range(bass + 1, 96) if note % 12 in tones and note not in led]
        led.append(min(free, key=lambda note: (abs(note - voice) + _PULL * abs(note - home), note)))
    return [bass, *led], led


def _step(tonic: int, note: int) -> int:
    """Semitones from a note of the key to the next one above."""
    return 1 if (note - tonic) % 12 in (4, 11) else 2


def _below(random: Random, size: int) -> int:
    """An integer in `range(size)`; unlike Python's own draws, `random()` is the same in every version."""
    return int(random.random() * size)
