"""Plots of several runs: learning curves, and the score against the speed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from bench.report.style import GREY, canvas, looks
from bench.tables.curves import Line, Panel, course
from bench.tables.doubts import legend, signs
from bench.tables.tabulate import tabulate

AXES = {
    "steps": ("step", "training steps"),
    "tokens": ("tokens", "tokens trained on"),
    "seconds": ("seconds", "seconds of training"),
}
"""What learning curves are drawn against: the column of a curve, and the words at the axis."""
_BANDS = "line: mean over seeds; band: from the lowest to the highest"
_WIDTH = 60  # characters of a panel's title
_DECADES = 10  # a loss that falls by such a factor is shown on a logarithmic scale


def curves(panels: Sequence[Panel], against: str = "steps", of: str | None = None) -> Figure:
    """The learning curves of each panel against a key of AXES: the metric on valid, or the column `of` of the curves.

    A line is the mean over the seeds that are done, with a band from the lowest to the highest. A run that ended
    otherwise is a thin line of its own, with a cross at its end.
    """
    x, words = AXES[against]
    figure, every = canvas(len(panels), height=4.0)
    look = looks(line.label for panel in panels for line in panel.lines)
    for axes, panel in zip(every, panels, strict=True):
        y = of or panel.column
        for line in panel.lines:
            _draw(axes, line, x, y, look[line.label])
        if of is None and panel.chance is not None:
            axes.axhline(panel.chance, color=GREY, linestyle=":", linewidth=1, label="chance")
        if _falls_far(axes, panel, of):
            axes.set_yscale("log")
        axes.set(xlabel=words, ylabel=of or f"{panel.metric['name']} on valid", title=title_of(panel))
        if against == "tokens":
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    banded = any(sum(run.done for run in line.runs) > 1 for panel in panels for line in panel.lines)
    one_legend(figure, panels, _BANDS if banded else None)
    return figure


def _draw(axes: Axes, line: Line, x: str, y: str, look: dict[str, Any]) -> None:
    """A line for the runs that are done, and a thin one for each other run."""
    found = course([run for run in line.runs if run.done], x, y)
    axes.plot(found["x"], found["mean"], markersize=4, label=line.label, **look)
    if sum(run.done for run in line.runs) > 1:
        axes.fill_between(found["x"], found["low"], found["high"], color=look["color"], alpha=0.2, linewidth=0)
    for run in line.runs:
        if not run.done:
            alone = course([run], x, y)
            axes.plot(alone["x"], alone["mean"], linewidth=0.8, **{**look, "marker": None})
            axes.plot(alone["x"][-1:], alone["mean"][-1:], "x", color=look["color"])


def _falls_far(axes: Axes, panel: Panel, of: str | None) -> bool:
    """Whether what is drawn is a loss, above 0 everywhere, of more than a decade."""
    drawn = pd.concat([pd.Series(line.get_ydata(), dtype="float64") for line in axes.lines])
    is_loss = panel.metric["direction"] == "min" if of is None else of.endswith(("loss", "nll", "grad_norm"))
    return bool(is_loss and drawn.min() > 0 and drawn.max() > _DECADES * drawn.min())


def score_and_speed(panels: Sequence[Panel]) -> Figure:
    """The score of each line, with its 95% interval over seeds, against the tokens a second in training.

    An open mark is a speed in doubt, as tables mark it.
    """
    figure, every = canvas(len(panels), height=4.0)
    look = looks(line.label for panel in panels for line in panel.lines)
    doubts = ""
    for axes, panel in zip(every, panels, strict=True):
        for line in panel.lines:
            doubts += _point(axes, line, look[line.label])
        if panel.chance is not None:
            axes.axhline(panel.chance, color=GREY, linestyle=":", linewidth=1, label="chance")
        split = "valid" if all(row.test is None for line in panel.lines for row in line.rows) else "test"
        axes.set(xscale="log", xlabel="tokens a second in training", title=title_of(panel))
        better = "lower" if panel.metric["direction"] == "min" else "higher"
        axes.set(ylabel=f"{panel.metric['name']} on {split},\n{better} is better")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
    several = any(len(line.runs) > 1 for panel in panels for line in panel.lines)
    notes = [
        *["mean over seeds with its 95% interval"] * several,
        *(f"open mark: {each[2:]}" for each in legend(doubts)),
    ]
    one_legend(figure, panels, "\n".join(notes) or None)
    return figure


def _point(axes: Axes, line: Line, look: dict[str, Any]) -> str:
    """The mark of a line, where it has a score and a speed; the signs of doubt about its speed."""
    (row,) = tabulate(line.rows).to_dict("records") or [{"score": None}]
    found = pd.Series(row)
    if pd.isna(found["score"]) or pd.isna(found["train_tokens_per_s"]):
        axes.plot([], [], look["marker"], color=look["color"], label=line.label)
        return ""
    around = (
        None if pd.isna(found["ci_low"]) else [[found["score"] - found["ci_low"]], [found["ci_high"] - found["score"]]]
    )
    doubt = signs(found["train_marks"])
    axes.errorbar(
        found["train_tokens_per_s"], found["score"], around, fmt=look["marker"], capsize=3, color=look["color"],
        markerfacecolor="white" if doubt else look["color"], label=line.label,
    )  # fmt: skip
    return doubt


def title_of(panel: Panel) -> str:
    """The title of a panel in lines that fit above it."""
    return "\n".join(textwrap.fill(line, _WIDTH) for line in panel.title.splitlines())


def one_legend(figure: Figure, panels: Sequence[Panel], note: str | None) -> None:
    """One legend for all panels, in which a line says how many of its runs are not done."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    chance = handles.pop("chance", None)
    handles |= {"chance": chance} if chance else {}
    texts = {
        label: label + _fates([line for panel in panels for line in panel.lines if line.label == label])
        for label in handles
    }
    columns = 1 if max(map(len, texts.values())) > 40 else 2
    made = figure.legend(
        handles.values(), texts.values(), loc="outside lower center", ncols=columns, fontsize="small", title=note,
        title_fontsize="small", frameon=False,
    )  # fmt: skip
    made.set_in_layout(True)


def _fates(lines: Sequence[Line]) -> str:
    """What became of runs that are not done: ` (1 of 3 diverged)`."""
    statuses = [run.record.status for line in lines for run in line.runs]
    counts = {status: statuses.count(status) for status in dict.fromkeys(statuses) if status != "done"}
    of = f" of {len(statuses)}" if len(statuses) > 1 else ""
    said = ", ".join(f"{count}{of} {status}" if of else status for status, count in counts.items())
    return f" ({said})" if said else ""
