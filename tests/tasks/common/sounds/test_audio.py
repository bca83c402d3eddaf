"""Waves are read as they are or refused by name; features stand where the sound is."""

import io
import struct

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.sounds.audio import Corrupt, Recipe, at_rate, features, read_wave


def wav(samples, rate=8000, subtype="PCM_16"):
    """The bytes of a WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.asarray(samples), rate, subtype=subtype, format="WAV")
    return buffer.getvalue()


def tone(hertz, seconds=0.5, rate=8000):
    return torch.sin(2 * torch.pi * hertz * torch.arange(int(seconds * rate)) / rate)


def test_a_wave_is_its_samples(tmp_path):
    samples = [0.5, -0.25, 0.0, 0.125]
    (tmp_path / "a.wav").write_bytes(wav(samples, 11_025))
    for content in (tmp_path / "a.wav", wav(samples, 11_025)):
        wave, rate = read_wave("a.wav", content)
        assert rate == 11_025 and wave.tolist() == samples and wave.dtype == torch.float32


def test_channels_become_their_mean():
    assert read_wave("a.wav", wav([[0.5, 0.25], [0.0, -0.5]]))[0].tolist() == [0.375, -0.25]


CORRUPT = [
    (b"", "cannot be read as sound"),
    (b"RIFF\x00\x00\x00\x00WAVE nonsense", "cannot be read as sound"),
    (wav([0.1] * 100)[:-50], r"is cut short \(194 of 244 bytes\)"),
    (wav([]), "holds no sample"),
    (wav([0.0, np.nan], subtype="FLOAT"), "holds NaN or infinite samples"),
]


@pytest.mark.parametrize(("content", "reason"), CORRUPT)
def test_a_corrupt_file_is_named_with_the_reason(content, reason):
    with pytest.raises(Corrupt, match=f"^3_bob_1.wav: {reason}") as caught:
        read_wave("3_bob_1.wav", content)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Corrupt, match="^a.wav: cannot be read as sound"):
        read_wave("a.wav", tmp_path / "a.wav")


OPEN = (0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 44)


@given(
    samples=st.integers(1, 40),
    riff=st.sampled_from([-8, 0, "pad", *OPEN, 0x24]),
    size=st.sampled_from([0, *OPEN, "right"]),
    odd=st.booleans(),
    after=st.booleans(),
)
def test_sizes_that_recorders_leave_wrong_are_no_fault_where_the_sound_is_whole(samples, riff, size, odd, after):
    wave = np.arange(1, samples + 1) / 64
    content = wav(wave)
    if odd:  # a byte too many, and no pad byte behind it
        content += b"\x01"
    whole = len(content) - 44
    size = whole if size == "right" else size
    if size == whole and after:
        content += b"LIST\x04\x00\x00\x00INFO"
    riff = len(content) - 8 + 1 if riff == "pad" else len(content) + riff if riff in (-8, 0) else riff
    content = content[:4] + struct.pack("<I", riff) + content[8:40] + struct.pack("<I", size) + content[44:]
    assert read_wave("a.wav", content)[0].tolist() == wave.tolist()


@given(st.integers(1, 150), st.sampled_from([0, -8, "right"]))
def test_a_sound_that_is_cut_short_is_refused_whatever_the_size_of_the_whole_file(lost, riff):
    content = wav([0.1] * 100)
    promised = len(content) - 8 if riff == "right" else len(content) + riff
    cut = content[:4] + struct.pack("<I", promised) + content[8:-lost]
    with pytest.raises(Corrupt, match=rf"is cut short .{244 - lost} of 244 bytes"):
        read_wave("a.wav", cut)


def test_a_sound_without_samples_stays_one_whatever_follows_it():
    for after in (b"", b"LIST\x04\x00\x00\x00INFO", b"LIST\x03\x00\x00\x00abc"):
        with pytest.raises(Corrupt, match="holds no sample"):
            read_wave("a.wav", wav([]) + after)


def test_an_aiff_that_is_cut_short_is_refused():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(100, 0.5), 8000, format="AIFF", subtype="PCM_16")
    assert read_wave("a.aiff", buffer.getvalue())[0].tolist() == [0.5] * 100
    with pytest.raises(Corrupt, match="a.aiff: is cut short"):
        read_wave("a.aiff", buffer.getvalue()[:-20])


def test_another_rate_is_resampled_or_refused():
    wave = tone(440, rate=16_000)
    halved = at_rate("a.wav", wave, 16_000, 8000, resample=True)
    torch.testing.assert_close(halved[100:-100], tone(440)[100:-100], atol=5e-3, rtol=0)
    with pytest.raises(
        DataError, match="a.wav: has 16000 samples a second, but task.sample_rate=8000; .*rate=16000, .*resample=true"
    ):
        at_rate("a.wav", wave, 16_000, 8000, resample=False)
    assert at_rate("a.wav", wave, 16_000, 16_000, resample=False) is wave


@given(st.integers(1, 5000), st.sampled_from(["logmel", "mfcc"]), st.integers(0, 2))
def test_every_wave_however_short_has_frames_and_every_frame_is_a_number(samples, kind, deltas):
    recipe = Recipe(kind, deltas=deltas)
    x_TF = features(torch.zeros(samples), recipe)
    assert x_TF.shape == (1 + samples // 80, recipe.size)
    assert bool(x_TF.isfinite().all())


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_a_tone_lies_in_the_filter_of_its_pitch(hertz):
    place = 41 * np.log10(1 + hertz / 700) / np.log10(1 + 4000 / 700) - 1
    assert features(tone(hertz), Recipe())[25].argmax() == pytest.approx(place, abs=1)


def test_deltas_are_slopes_and_deltas_of_slopes_their_slopes():
    wave = tone(1000) * 10 ** torch.linspace(-2, 0, 4000)  # grows evenly on a logarithmic scale
    x_TF = features(wave, Recipe(deltas=2))
    level, slope, bend = x_TF[10:-10].split(40, dim=1)
    loudest = level[0].argmax()
    growth = 2 * 2 * np.log(10) / 50  # of power, a frame
    torch.testing.assert_close(slope[:, loudest], torch.full((31,), growth), atol=0.01, rtol=0)
    assert bend[:, loudest].abs().max() < 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 10}, "task.sample_rate=10 must be from 1000 to 192000"),
        ({"window_ms": 0}, "task.window_ms=0 must be from one sample to 1000"),
        ({"stride_ms": -1}, "task.stride_ms=-1 must be"),
        ({"deltas": 3}, "task.deltas=3 must be 0, 1 or 2"),
        ({"mels": 0}, "task.mels=0 must be from 1 to 512"),
        ({"mels": 128}, "task.mels=128 leaves filters without a frequency; lower it or raise task.window_ms=25"),
        ({"features": "mfcc", "coefficients": 41}, "task.coefficients=41 must be from 1 to task.mels=40"),
    ],
)
def test_options_out_of_range_are_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**options)


@pytest.mark.parametrize(("window_ms", "fft"), [(255, 256), (256, 256), (257, 512)])
def test_a_frame_is_padded_to_a_power_of_two(window_ms, fft):
    assert Recipe(sample_rate=1000, window_ms=window_ms, mels=5).fft == fft


@pytest.mark.parametrize(
    ("option", "lowest", "highest", "others"),
    [
        ("sample_rate", 1000, 192_000, {"mels": 1}),
        ("window_ms", 1, 1000, {"mels": 1}),
        ("stride_ms", 0.125, 1000, {}),
        ("deltas", 0, 2, {}),
        ("mels", 1, 512, {"sample_rate": 192_000, "window_ms": 100}),
        ("coefficients", 1, 40, {"features": "mfcc"}),
    ],
)
def test_an_option_may_be_at_its_bounds_but_not_beyond(option, lowest, highest, others):
    beyond = 0.125 if option.endswith("_ms") else 1
    for allowed in (lowest, highest):
        assert getattr(Recipe(**{**others, option: allowed}), option) == allowed
    for refused in (lowest - beyond, highest + beyond) if option != "window_ms" else (0, highest + beyond):
        with pytest.raises(ValueError, match=f"task.{option}={refused} must be"):
            Recipe(**{**others, option: refused})
