"""The gradient's norm over training, before and after clipping."""

from __future__ import annotations

import math

import pandas as pd


def clipping(curve: pd.DataFrame, norm: float | None) -> pd.DataFrame:
    """Columns step, before, after: the gradient's global norm at the steps of a run's learning curve.

    `norm` is what the run clipped it to; None is no clipping.
    """
    before = curve["grad_norm"]
    after = before.clip(upper=math.inf if norm is None else norm)
    return pd.DataFrame({"step": curve["step"], "before": before, "after": after})
