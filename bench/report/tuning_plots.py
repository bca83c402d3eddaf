"""Plots of a tuning: the best score on valid against the number of trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.report.style import canvas, looks


def figure(curves: pd.DataFrame, metric: str, column: str) -> Figure:
    """A `column` of one task's tuning curves, `expected` or `so_far`, against the number of trials, a line a cell."""
    drawn, (axes,) = canvas()
    look: Mapping[str, Any] = looks(curves["cell"])
    for cell, rows in curves.groupby("cell", sort=False):
        axes.plot(rows["trials"], rows[column], markersize=4, label=str(cell), **look[str(cell)])
    said = "expected best" if column == "expected" else "best so far"
    axes.set(xlabel="trials", ylabel=f"{metric} on valid, {said}", title=str(curves["task"].iloc[0]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize="small")
    return drawn
