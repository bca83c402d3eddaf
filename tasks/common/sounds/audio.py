"""Sound: WAV files to waves, and waves to log-mel or MFCC features.

Frames are centred on multiples of the stride, with zeros beyond the ends, under a Hann window. The power spectrum goes
through triangular filters that are even on the mel scale m = 2595 log10(1 + f / 700) (O'Shaughnessy 1987), and the
logarithm is natural: log-mel. Mel-frequency cepstral coefficients are its orthonormal cosine transform (Davis &
Mermelstein, IEEE ASSP 28, 1980). Deltas are the slopes of a line fitted over five frames, the edges repeated.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.api import DataError

__all__ = ["Corrupt", "Recipe", "at_rate", "features", "mel_filters", "read_wave"]

_FLOOR = 1e-6  # of power, below the noise of any recording: digital silence must not become -inf
_SLOPE = (-2, -1, 0, 1, 2)
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"RIFF": "little", b"RIFX": "big", b"FORM": "big"}
_OPEN = 2**31 - 2**16  # bytes of sound in a header, from where it means "until the end": recorders that stream write so


class Corrupt(DataError):
    """A recording that cannot be read."""


@dataclass(frozen=True)
class Recipe:
    """The options for making features from a wave; times in milliseconds. `coefficients` matters for mfcc alone.

    Raises ValueError, naming the task's option, for values out of range.
    """

    features: Literal["logmel", "mfcc"] = "logmel"
    sample_rate: int = 8000
    window_ms: float = 25.0
    stride_ms: float = 10.0
    mels: int = 40
    coefficients: int = 13
    deltas: int = 0

    def __post_init__(self) -> None:
        if not 1000 <= self.sample_rate <= 192_000:
            raise ValueError(f"task.sample_rate={self.sample_rate} must be from 1000 to 192000")
        for name, samples in (("window_ms", self.window), ("stride_ms", self.stride)):
            if not 1 <= samples <= self.sample_rate:
                raise ValueError(f"task.{name}={getattr(self, name)} must be from one sample to 1000")
        if not 0 <= self.deltas <= 2:
            raise ValueError(f"task.deltas={self.deltas} must be 0, 1 or 2")
        if not 1 <= self.mels <= 512:
            raise ValueError(f"task.mels={self.mels} must be from 1 to 512")
        if self.features == "mfcc" and not 1 <= self.coefficients <= self.mels:
            raise ValueError(f"task.coefficients={self.coefficients} must be from 1 to task.mels={self.mels}")
        if not bool(mel_filters(self.sample_rate, self.fft, self.mels).sum(0).all()):
            raise ValueError(
                f"task.mels={self.mels} leaves filters without a frequency; "
                f"lower it or raise task.window_ms={self.window_ms}"
            )

    @property
    def window(self) -> int:
        return round(self.sample_rate * self.window_ms / 1000)

    @property
    def stride(self) -> int:
        return round(self.sample_rate * self.stride_ms / 1000)

    @property
    def fft(self) -> int:
        """Samples of the Fourier transform: the power of two that holds a window."""
        return 1 << (self.window - 1).bit_length()

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.stride

    @property
    def size(self) -> int:
        """Features a frame."""
        return (self.mels if self.features == "logmel" else self.coefficients) * (1 + self.deltas)


def features(wave_S: Tensor, recipe: Recipe) -> Tensor:
    """Features `[T, F]` of a wave `[samples]`, T = 1 + samples // stride; deltas follow the features they belong to."""
    spectrum = torch.stft(
        wave_S,
        recipe.fft,
        recipe.stride,
        recipe.window,
        torch.hann_window(recipe.window),
        pad_mode="constant",
        return_complex=True,
    )
    power_TN = spectrum.abs().square().T
    x_TF = (power_TN @ mel_filters(recipe.sample_rate, recipe.fft, recipe.mels)).clamp(min=_FLOOR).log()
    if recipe.features == "mfcc":
        x_TF = x_TF @ _cosines(recipe.mels, recipe.coefficients)
    blocks = [x_TF]
    for _ in range(recipe.deltas):
        blocks.append(_slopes(blocks[-1]))
    return torch.cat(blocks, dim=1)


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, fft: int, mels: int) -> Tensor:
    """Triangles of height 1, `[fft // 2 + 1, mels]`, each from the peak of the filter below to the peak of the next."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    peak_M = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    bin_N1 = torch.linspace(0, sample_rate / 2, fft // 2 + 1, dtype=torch.float64)[:, None]
    rising_NM = (bin_N1 - peak_M[:-2]) / (peak_M[1:-1] - peak_M[:-2])
    falling_NM = (peak_M[2:] - bin_N1) / (peak_M[2:] - peak_M[1:-1])
    return torch.minimum(rising_NM, falling_NM).clamp(min=0).float()


@lru_cache(maxsize=8)
def _cosines(mels: int, coefficients: int) -> Tensor:
    """The orthonormal cosine transform of type II `[mels, coefficients]`."""
    angle_MC = torch.pi / mels * (torch.arange(mels)[:, None] + 0.5) * torch.arange(coefficients)
    scale_C = torch.full((coefficients,), math.sqrt(2 / mels))
    scale_C[0] = math.sqrt(1 / mels)
    return angle_MC.cos() * scale_C


def _slopes(x_TF: Tensor) -> Tensor:
    """The slope over five frames of each feature; the first and the last frame go on beyond the ends."""
    reach = len(_SLOPE) // 2
    padded_FT = F.pad(x_TF.T, (reach, reach), mode="replicate")
    return torch.stack([k * padded_FT[:, i : i + len(x_TF)] for i, k in enumerate(_SLOPE)]).sum(0).T / 10


def read_wave(name: str, content: bytes | Path) -> tuple[Tensor, int]:
    """The wave `[samples]` of a file, or of its bytes, and its sample rate; several channels become their mean.

    Raises Corrupt, naming the file, where it is no sound file, is cut short, is empty, or has NaN or infinite samples.
    """
    import soundfile

    try:
        data = _whole(name, content.read_bytes() if isinstance(content, Path) else content)
        samples_SC, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # soundfile's own errors are RuntimeErrors
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise Corrupt(f"{name}: cannot be read as sound ({reason})") from error
    if not len(samples_SC) or not np.isfinite(samples_SC).all():
        raise Corrupt(f"{name}: holds {'NaN or infinite samples' if len(samples_SC) else 'no sample'}")
    return torch.from_numpy(samples_SC.mean(axis=1)), rate


def _whole(name: str, data: bytes) -> bytes:
    """A WAV or AIFF file, with the size of its sound where the header leaves that at 0; Corrupt where it is cut short.

    The sound's own size decides: what the header says of the whole file is off in files of many recorders.
    """
    if (order := _ORDERS.get(data[:4])) is None:
        return data
    place, size = 12, 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], order)
        if data[place : place + 4] in (b"data", b"SSND"):
            break
        place += 8 + size + size % 2
    else:
        return data
    there, promised = len(data) - place - 8, int.from_bytes(data[4:8], order) + 8
    if size == 0 and not _are_chunks(data[place + 8 :], order):
        return data[: place + 4] + there.to_bytes(4, order) + data[place + 8 :]
    if there < size < _OPEN and promised != len(data):
        raise Corrupt(f"{name}: is cut short ({len(data)} of {place + 8 + size} bytes)")
    return data


def _are_chunks(rest: bytes, order: Literal["little", "big"]) -> bool:
    """Whether these bytes are chunks to their end, each with a name and a size, as they may follow an empty sound."""
    place = 0
    while place + 8 <= len(rest) and rest[place : place + 4].decode("latin-1").isprintable():
        size = int.from_bytes(rest[place + 4 : place + 8], order)
        place += 8 + size + size % 2
    return place in (len(rest), len(rest) + 1)


def at_rate(name: str, wave_S: Tensor, rate: int, wanted: int, resample: bool) -> Tensor:
    """The wave at the `wanted` sample rate, by a polyphase filter; raises DataError where it must not be resampled."""
    if rate == wanted:
        return wave_S
    if not resample:
        raise DataError(
            f"{name}: has {rate} samples a second, but task.sample_rate={wanted}; "
            f"set task.sample_rate={rate}, or task.resample=true"
        )
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return torch.from_numpy(resample_poly(wave_S.numpy(), wanted // common, rate // common))
