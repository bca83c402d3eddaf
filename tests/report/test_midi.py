"""A piano roll as a MIDI file: read back, it is the roll."""

import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.report.midi import LOWEST, midi


def read(data):
    """The roll of a file of format 0, by the specification: [T, K] of the frames up to its end."""
    assert data[:4] == b"MThd" and struct.unpack(">IHHH", data[4:14])[:3] == (6, 0, 1)
    assert data[14:18] == b"MTrk" and struct.unpack(">I", data[18:22]) == (len(data) - 22,)
    place, sounding, frames = 22, set(), []
    while True:
        since = 0
        while True:
            byte = data[place]
            place, since = place + 1, since << 7 | byte & 0x7F
            if byte < 0x80:
                break
        frames += [[key in sounding for key in range(88)]] * since
        status, first, second = data[place : place + 3]
        place += 3
        if status == 0xFF:
            assert (first, second) == (0x2F, 0) and place == len(data)
            return frames
        {0x90: sounding.add, 0x80: sounding.remove}[status](first - LOWEST)


@given(st.lists(st.sets(st.integers(0, 87), max_size=4), min_size=1, max_size=300))
def test_what_is_written_sounds_as_the_roll(frames):
    roll_TK = torch.zeros(len(frames), 88)
    for t, keys in enumerate(frames):
        roll_TK[t, list(keys)] = 1
    found = read(midi(roll_TK))
    assert torch.equal(torch.tensor(found[: len(frames)] or [[False] * 88]), roll_TK.bool()[: max(1, len(found))])
    assert not any(map(any, found[len(frames) :]))


@pytest.mark.parametrize("steps", [1, 127, 128, 20_000])
def test_long_silences_are_counted(steps):
    roll_TK = torch.zeros(steps + 1, 88)
    roll_TK[-1, 39] = 1
    found = read(midi(roll_TK))
    assert [any(frame) for frame in found].index(True) == steps and found[steps][39]
