"""The formats of figures."""

from __future__ import annotations

import math
from collections.abc import Callable

_WIDE = 1e7  # from here on numbers have a power of ten: a figure of 300 digits would break a table's columns


def three_digits(value: float) -> str:
    """Three significant digits, or all digits before the point: `0.0456`, `12.5`, `1234`, `1.2e+08`."""
    return f"{value:.0f}" if 999.5 <= abs(value) < _WIDE else f"{value:.3g}"


def one_decimal(value: float) -> str:
    """A time in seconds or a percentage: `31.2`, `1.2e+08`."""
    return f"{value:.1f}" if abs(value) < _WIDE else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """A time in its own unit: `0.4 s`, `31 s`, `12 min`, `5.3 h`, `2.1 d`; `-` where it is unknown."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    return f"{seconds:.{0 if seconds >= 10 else 1}f} s"


def four_digits(value: float | None) -> str:
    """Four significant digits; `-` where there is no figure."""
    return "-" if value is None else f"{value:.4g}"


def with_prefix(value: float | None) -> str:
    """Three significant digits and a k, M or G: `45.2`, `150k`, `1.44M`, `1e+15`; `-` where there is no figure."""
    if value is None:
        return "-"
    shown = value
    for prefix in ("", "k", "M", "G"):
        if abs(shown) < 999.5:
            return f"{shown:.3g}{prefix}"
        shown /= 1000
    return f"{value:.3g}"


def or_never(written: Callable[[float], str]) -> Callable[[float], str]:
    """The format `written`, with `never` for what is infinite."""
    return lambda value: "never" if value == math.inf else written(value)


def with_prefix_apart(value: float) -> str:
    """The same before a unit: `25.1 G`, as in 25.1 GFLOP/s."""
    text = with_prefix(value)
    return f"{text[:-1]} {text[-1]}" if text[-1].isalpha() else f"{text} "


def score_alone(score: float) -> str:
    """A score without an interval, with as many digits as one that has one: `0.987`."""
    return score_with_interval(score, math.nan, math.nan)


def loss_digits(value: float) -> str:
    """A loss with four decimals: `2.3026`; large ones with a power of ten."""
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"


def score_with_interval(score: float, low: float, high: float) -> str:
    """A score with the ends of its interval (NaN for none): `0.987 [0.981, 0.991]`.

    The score has three or four digits, and more where the shorter arm of the interval is too short for them.
    """
    arm = min(score - low, high - score)
    if (score and not 1e-4 <= abs(score) < 1e6) or high - low >= _WIDE:
        return f"{score:.3g}" + ("" if math.isnan(arm) else f" [{low:.3g}, {high:.3g}]")
    power = math.floor(math.log10(abs(score))) if score else 0
    decimals = max(0, 3 - power if power >= 0 else 2 - power)
    if math.isnan(arm):
        return f"{score:.{decimals}f}"
    if arm > 0:
        decimals = max(decimals, min(6, -math.floor(math.log10(arm))))
    return f"{score:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"
