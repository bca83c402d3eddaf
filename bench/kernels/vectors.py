"""What comes before a generated kernel: its number type and the C++ of `vectors.h`; and the products that it calls."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np

__all__ = ["prelude", "products"]

_HEADER, _PRODUCTS = (Path(__file__).with_name(name) for name in ("vectors.h", "products.h"))


def products(real: str) -> str:
    """The C++ of the products that all kernels call."""
    return f"{prelude(real)}\n{_PRODUCTS.read_text(encoding='utf-8')}"


def prelude(real: str) -> str:
    """The C++ before the functions of a kernel in `float` or `double`."""
    integer, mantissa, bias, degree, terms = (
        ("int", 23, 127, 5, 5) if real == "float" else ("long long", 52, 1023, 10, 12)
    )
    polynomial = _coefficients(degree)
    high = math.floor(math.log(2) * 2.0 ** (mantissa // 2)) / 2.0 ** (mantissa // 2)  # its product with k is exact
    half = np.array([math.sqrt(0.5), 1.0], np.float32 if real == "float" else np.float64)
    gap = int(np.diff(half.view(np.int32 if real == "float" else np.int64))[0])
    with localcontext() as context:
        context.prec = 40
        low = float(Decimal(2).ln() - Decimal(high))
    constants = {
        "MAGIC": 1.5 * 2.0**mantissa,  # added to a number it leaves the nearest whole number in the low bits
        "LOG2_E": 1 / math.log(2),
        "LN_2_HIGH": high,
        "LN_2_LOW": low,
        "LOWEST": -(bias - 1) * math.log(2),  # e^x is below the smallest normal number
        "HIGHEST": (bias + 1) * math.log(2),  # e^x is infinite
        "TINY": 2.0 ** (1 - bias),  # the smallest normal number
        "SATURATED": 20.0 if real == "float" else 40.0,  # tanh(x / 2) is 1
    }
    return "\n".join(
        [
            f"typedef {real} R;",
            f"typedef {integer} I;",
            f"constexpr int MANTISSA = {mantissa}, DEGREE = {degree}, TERMS = {terms};",
            f"constexpr I ONE = I({bias}) << MANTISSA;  // the bits of 1",
            f"constexpr I SQRT_HALF_GAP = {gap};  // from the bits of the root of a half to those of 1",
            *(f"constexpr R {name} = {value!r};" for name, value in constants.items()),
            f"constexpr R POLYNOMIAL[] = {{{', '.join(map(repr, polynomial))}}};",
            _HEADER.read_text(encoding="utf-8"),
        ]
    )


def _coefficients(degree: int) -> list[float]:
    """Those of the polynomial through (e^f - 1 - f) / f^2 at the Chebyshev points of half of ln 2 around 0."""
    bound = math.log(2) / 2 * 1.001
    points = bound * np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    values = [math.fsum(f**n / math.factorial(n + 2) for n in range(25)) for f in points]
    fitted = np.polynomial.Polynomial.fit(points, values, degree, domain=[-1, 1])
    return [float(c) for c in fitted.convert().coef]
