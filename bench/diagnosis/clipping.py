"""The gradient's norm over training, before and after clipping."""

from __future__ import annotations

import math

import pandas as pd


def clipping(curve: pd.DataFrame, norm: float | None) -> pd.DataFrame:
    """Columns step, before, after: the gradient's global norm before and after clipping, at the rows of `curve`.

    `curve` has the columns step and grad_norm. `norm` is the run's option clip.norm; None means no clipping.
    """
    before = curve["grad_norm"]
    after = before.clip(upper=math.inf if norm is None else norm)
    return pd.DataFrame({"step": curve["step"], "before": before, "after": after})
