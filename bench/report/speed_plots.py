"""Plots of a grid of speeds: time a token against an option that has several numbers, a line for each other choice."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from bench.report.style import canvas
from bench.results.speeds import Speeds

_TITLES = {"train": "training", "infer": "inference", "step": "streaming, one lane"}


def axes_of(speeds: Speeds) -> list[str]:
    """The options that have several numbers in the grid, each of which may be the axis of a plot."""
    names = dict.fromkeys(key for member in speeds.members for key in member.varied)
    values = {key: {member.varied.get(key) for member in speeds.members} for key in names}
    return [key for key, found in values.items() if len(found) > 1 and all(type(v) in (int, float) for v in found)]


def figure(speeds: Speeds, frame: pd.DataFrame, option: str) -> Figure:
    """Microseconds a token against `option`, a panel for each figure, with the 95% intervals of the medians."""
    others = [key for key in dict.fromkeys(k for m in speeds.members for k in m.varied) if key != option]
    drawn, panels = canvas(len(speeds.figures), width=4.0)
    for axes, name in zip(panels, speeds.figures, strict=True):
        for label, rows in frame.groupby(_labels(frame, others), sort=False):
            line = rows.sort_values(option)
            median = line[f"{name}_us"]
            around = (median - line[f"{name}_us_low"], line[f"{name}_us_high"] - median)
            axes.errorbar(line[option], median, around, marker=".", capsize=2, label=str(label) or None)
        axes.set(xscale="log", yscale="log", xlabel=option, title=_TITLES.get(name, name))
        ticks = sorted(frame[option].unique())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("µs a token")
    if others:
        panels[0].legend(fontsize="small")
    return drawn


def _labels(frame: pd.DataFrame, options: list[str]) -> pd.Series[str]:
    """What tells the rows apart but for the axis."""
    texts = frame[options].astype(str)
    return pd.Series([" ".join(row) for row in texts.to_numpy()], index=frame.index, dtype=str)
