"""Plots of a grid of speeds against an option that has several numbers, a line for each other choice."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, ScalarFormatter

from bench.report.style import GREY, canvas
from bench.results.speeds import THROUGHPUT, Speeds
from bench.tables.doubts import legend, signs

_TITLES = {"train": "training", "infer": "inference", "step": "streaming, one lane", "prefill": "prefill"}


def axes_of(speeds: Speeds) -> list[str]:
    """The options that have several numbers in the grid, each of which may be the axis of a plot."""
    names = dict.fromkeys(key for member in speeds.members for key in member.varied)
    values = {key: {member.varied.get(key) for member in speeds.members} for key in names}
    return [key for key, found in values.items() if len(found) > 1 and all(type(v) in (int, float) for v in found)]


def figure(speeds: Speeds, frame: pd.DataFrame, option: str) -> Figure:
    """Tokens a second, or microseconds a step, against `option`, a panel for each figure, with the 95% intervals of
    the medians. A dotted line, in the colour of what it is the limit of, is the throughput at which the machine's large
    products would take all the time. An open mark is a figure in doubt, as tables mark it.
    """
    others = [key for key in dict.fromkeys(k for m in speeds.members for k in m.varied) if key != option]
    doubts = ""
    drawn, panels = canvas(len(speeds.figures), width=4.0)
    for axes, name in zip(panels, speeds.figures, strict=True):
        for label, rows in frame.groupby(_labels(frame, others), sort=False):
            line = rows.sort_values(option)
            low, median, high = (_shown(name, line[f"{name}_us{end}"]) for end in ("_low", "", "_high"))
            below, above = (low, high) if name not in THROUGHPUT else (high, low)
            around = (median - below, above - median)
            drawn_line = axes.errorbar(line[option], median, around, capsize=2, label=str(label) or None).lines[0]
            colour, marks = drawn_line.get_color(), line[f"{name}_marks"].map(signs)
            for each, ground in ((marks == "", colour), (marks != "", "white")):
                axes.plot(line[option][each], median[each], "o", markersize=4, color=colour, markerfacecolor=ground)
            doubts += "".join(marks)
            if f"{name}_limit_us" in line:
                axes.plot(line[option], _shown(name, line[f"{name}_limit_us"]), color=colour, linestyle=":", zorder=1)
        unit = "tokens/s" if name in THROUGHPUT else f"µs a {name}"
        axes.set(xscale="log", yscale="log", xlabel=option, ylabel=unit, title=_TITLES.get(name, name))
        ticks = sorted(frame[option].unique())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(EngFormatter() if name in THROUGHPUT else ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
    limited = any(f"{name}_limit_us" in frame for name in speeds.figures)
    if limited:
        panels[0].plot([], [], color=GREY, linestyle=":", label="limit of large products")
    if others or limited or doubts:
        notes = [" ".join(others), *(f"open mark: {each[2:]}" for each in legend(doubts))]
        drawn.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small",
            title="\n".join(filter(None, notes)), title_fontsize="small", frameon=False,
        )  # fmt: skip
    return drawn


def _shown(name: str, microseconds: pd.Series[float]) -> pd.Series[float]:
    """Times a token as they are plotted."""
    return 1e6 / microseconds if name in THROUGHPUT else microseconds


def _labels(frame: pd.DataFrame, options: list[str]) -> pd.Series[str]:
    """What tells the rows apart but for the axis."""
    texts = frame[options].astype(str)
    return pd.Series([" ".join(row) for row in texts.to_numpy()], index=frame.index, dtype=str)
