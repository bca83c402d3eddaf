"""How figures are printed."""

from __future__ import annotations

import math


def with_interval(score: float, half: float) -> str:
    """`0.987 ±0.004`: three or four digits of the score, and more where the interval is narrower than they tell."""
    if score and not 1e-4 <= abs(score) < 1e6:
        return f"{score:.3g}" + ("" if math.isnan(half) else f" ±{half:.2g}")
    power = math.floor(math.log10(abs(score))) if score else 0
    decimals = max(0, 3 - power if power >= 0 else 2 - power)
    if math.isnan(half):
        return f"{score:.{decimals}f}"
    if half:
        decimals = max(decimals, min(6, -math.floor(math.log10(half))))
    return f"{score:.{decimals}f} ±{half:.{decimals}f}"


def short(value: float) -> str:
    """Three digits, or all that stand before the point."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def loss_text(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"


def digits(value: float | None) -> str:
    """A score with four significant digits; '-' where there is none."""
    return "-" if value is None else f"{value:.4g}"


def human(value: float | None) -> str:
    """A speed with three significant digits and a k, M or G."""
    if value is None:
        return "-"
    for unit in ("", "k", "M"):
        if abs(value) < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}G"
