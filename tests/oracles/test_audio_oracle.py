"""Speech features against librosa's, over the options that decide them."""

from unittest import mock

import pytest
import torch
from tiny import seeded

from bench.tasks.common.sounds.audio import Recipe, features, mel_filters

numba = pytest.importorskip("numba", reason="librosa, the oracle, is not installed")


def not_compiled(*_, **__):
    """In place of numba's decorators."""
    return lambda function: function


# librosa compiles some functions when it is imported, for 20 seconds; the ones asked here are none of them.
with mock.patch.multiple(numba, vectorize=not_compiled, guvectorize=not_compiled):
    librosa = pytest.importorskip("librosa", reason="librosa, the oracle, is not installed")
    pytest.importorskip("librosa.feature.spectral")  # librosa imports its parts late

RECIPES = [
    Recipe(),
    Recipe("mfcc"),
    Recipe("mfcc", coefficients=40, deltas=2),
    Recipe(deltas=1, mels=23, window_ms=32, stride_ms=16),
    Recipe(sample_rate=16_000, mels=64),
    Recipe("mfcc", sample_rate=11_025, window_ms=20, stride_ms=7.5, mels=26, coefficients=20, deltas=1),
]


def a_wave(samples, rate):
    """A gliding tone in noise, as loud as speech."""
    time_S = torch.arange(samples) / rate
    noise_S = torch.randn(samples, generator=seeded())
    return 0.3 * torch.sin(2 * torch.pi * (200 + 400 * time_S) * time_S) + 0.05 * noise_S


def librosas(wave, recipe):
    power = librosa.feature.melspectrogram(
        y=wave.numpy(),
        sr=recipe.sample_rate,
        n_fft=recipe.fft,
        win_length=recipe.window,
        hop_length=recipe.stride,
        n_mels=recipe.mels,
        power=2.0,
        center=True,
        pad_mode="constant",
        htk=True,
        norm=None,
    )
    x = torch.from_numpy(power).clamp(min=1e-6).log().numpy()
    if recipe.features == "mfcc":
        x = librosa.feature.mfcc(S=x, n_mfcc=recipe.coefficients, dct_type=2, norm="ortho")
    blocks = [x]
    for _ in range(recipe.deltas):
        blocks.append(librosa.feature.delta(blocks[-1], width=5, order=1, mode="nearest"))
    return torch.cat([torch.from_numpy(block) for block in blocks]).T


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("seconds", [0.05, 0.63])
def test_features_are_librosas(recipe, seconds):
    wave = a_wave(int(seconds * recipe.sample_rate), recipe.sample_rate)
    ours, theirs = features(wave, recipe), librosas(wave, recipe)
    assert ours.shape == (1 + len(wave) // recipe.stride, recipe.size)
    torch.testing.assert_close(ours, theirs.float(), atol=2e-3, rtol=1e-3)


def test_another_mel_scale_would_show():
    slaneys = torch.from_numpy(librosa.filters.mel(sr=8000, n_fft=256, n_mels=40, htk=False, norm=None)).T
    ours = mel_filters(8000, 256, 40)
    htks = torch.from_numpy(librosa.filters.mel(sr=8000, n_fft=256, n_mels=40, htk=True, norm=None)).T
    torch.testing.assert_close(ours, htks, atol=1e-4, rtol=1e-4)
    assert (ours - slaneys).abs().max() > 0.5
