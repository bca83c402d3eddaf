"""A piano roll as a standard MIDI file, format 0: "Standard MIDI Files 1.0", MIDI Manufacturers Association 1988."""

from __future__ import annotations

import struct

from torch import Tensor

LOWEST = 21
"""The MIDI note of a roll's first key, A0."""
_TICKS = 2  # a quarter note; a frame is one tick, an eighth
_ON, _OFF, _VELOCITY = 0x90, 0x80, 80


def midi(roll_TK: Tensor) -> bytes:
    """The file of a roll of 0 and 1 `[T, K]`: a note goes on sounding where its key stays down."""
    track, since = b"", 0
    before = [0] * roll_TK.shape[1]
    for keys in [*roll_TK.int().tolist(), [0] * len(before)]:
        for key, (was, now) in enumerate(zip(before, keys, strict=True)):
            if was != now:
                track += _number(since) + bytes([_ON if now else _OFF, LOWEST + key, _VELOCITY if now else 0])
                since = 0
        before, since = keys, since + 1
    track += _number(since) + b"\xff\x2f\x00"  # end of track
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def _number(value: int) -> bytes:
    """A number in groups of seven bits, the highest first, all but the last marked."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
