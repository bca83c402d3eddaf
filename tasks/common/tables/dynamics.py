"""Generated time series with a known law: Mackey-Glass's delay equation and the NARMA-10 system."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

__all__ = ["mackey_glass", "narma10"]

_WASHOUT = 1000  # time units or steps that are left out at the start, until the beginning is forgotten
_MOST = 1.0  # of a NARMA-10 value; beyond, the system runs away


@cache
def mackey_glass(steps: int, tau: float = 17.0, stride: int = 1, substeps: int = 10) -> np.ndarray:
    """`steps` values of Mackey & Glass's equation, one each `stride` time units: float64, read-only.

        dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t),    x = 1.2 up to t = 0

    Integrated by the fourth-order Runge-Kutta method in steps of 1 / `substeps`; the delayed value at the middle of a
    step is interpolated from those at its ends and their slopes, to fourth order too. The first 1000 time units are
    left out. With tau = 17 the series is mildly chaotic, from some 16.8 on; only sums and products are used, so that
    it is the same on any machine. Source: Mackey & Glass, "Oscillation and chaos in physiological control systems",
    Science 1977.
    """
    h = 1 / substeps
    lag = max(1, round(tau * substeps))
    x = 1.2
    values, slopes = [x] * (lag + 1), [0.0] * lag
    slopes.append(_slope(x, x))
    for n in range((_WASHOUT + (steps - 1) * stride) * substeps):
        start, end = values[n], values[n + 1]
        middle = (start + end) / 2 + h / 8 * (slopes[n] - slopes[n + 1])
        k1 = _slope(x, start)
        k2 = _slope(x + h / 2 * k1, middle)
        k3 = _slope(x + h / 2 * k2, middle)
        k4 = _slope(x + h * k3, end)
        x += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        values.append(x)
        slopes.append(_slope(x, values[n + 2]))
    found = np.array(values[lag + _WASHOUT * substeps :: stride * substeps])
    found.setflags(write=False)
    return found


def _slope(x: float, delayed: float) -> float:
    squared = delayed * delayed
    fourth = squared * squared
    return 0.2 * delayed / (1 + fourth * fourth * squared) - 0.1 * x


def narma10(steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs u(t) and outputs y(t + 1) of the NARMA-10 system, `[steps]` float64 each.

        y(t + 1) = 0.3 y(t) + 0.05 y(t) (y(t) + ... + y(t - 9)) + 1.5 u(t - 9) u(t) + 0.1,    u uniform in [0, 0.5]

    The first 1000 steps are left out. An input by which y runs away beyond 1, which is rare, is drawn anew. Source:
    Atiya & Parlos, "New results on recurrent network training: unifying the algorithms and accelerating convergence",
    IEEE Transactions on Neural Networks 2000.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        drawn = torch.rand(_WASHOUT + steps, generator=generator, dtype=torch.float64) / 2
        u, y = [0.0] * 10 + drawn.tolist(), [0.0] * 10
        for t in range(10, len(u)):
            y.append(0.3 * y[-1] + 0.05 * y[-1] * sum(y[-10:]) + 1.5 * u[t - 9] * u[t] + 0.1)
            if not y[-1] <= _MOST:
                break
        else:
            return np.array(u[-steps:]), np.array(y[-steps:])
