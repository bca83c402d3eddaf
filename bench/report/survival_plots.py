"""Plots of the share of runs that have reached their task's target, against what it took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from bench.report.curve_plots import AXES, one_legend, title_of
from bench.report.style import canvas, looks
from bench.results.row import Row
from bench.stats.survival import share_by
from bench.tables.curves import Line, Panel
from bench.tables.formats import four_digits
from bench.tables.tabulate import tried_for_target


def reached(panels: Sequence[Panel], against: str = "steps") -> Figure:
    """The share of each line's runs that have reached the target on valid, against a key of `curve_plots.AXES`.

    A line rises by a step whenever a run gets there, and ends where its longest run does: those that never got there,
    diverged ones among them, are counted. It is one minus the Kaplan-Meier estimate.
    """
    figure, every = canvas(len(panels), height=4.0)
    look = looks(line.label for panel in panels for line in panel.lines)
    for axes, panel in zip(every, panels, strict=True):
        for line in panel.lines:
            _draw(axes, line, against, look[line.label])
        target = f"{panel.metric['name']} {four_digits(panel.metric.get('target'))} on valid"
        axes.set(xlabel=AXES[against][1], title=f"{title_of(panel)}\ntarget: {target}")
        axes.set(ylim=(-0.03, 1.03), xlim=(0, None))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylabel("runs that have reached the target")
        if against == "tokens":
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    one_legend(figure, panels, "a step for each run that gets there")
    return figure


def _draw(axes: Axes, line: Line, against: str, look: dict[str, Any]) -> None:
    counted = tried_for_target(line.rows)
    ends = [float(run.curve[AXES[against][0]].max()) for run in line.runs if len(run.curve)]
    steps = share_by(_times(counted, against))
    xs, shares = zip((0.0, 0.0), *steps, strict=True)
    last = max([*ends, *xs], default=0.0)
    there = sum(bool(row.target_reached) for row in counted)
    label = f"{line.label} ({there} of {len(counted)} runs)"
    shown = {**look, "marker": look["marker"], "markersize": 4, "markevery": [*range(1, len(xs))]}
    axes.step([*xs, last], [*shares, shares[-1]], where="post", label=label, **shown)


def _times(rows: Sequence[Row], against: str) -> list[float]:
    """What it took each run; infinite for one that never got there, or of which it is not known."""
    found = (getattr(row, f"target_{against}") if row.target_reached else None for row in rows)
    return [math.inf if time is None else float(time) for time in found]
