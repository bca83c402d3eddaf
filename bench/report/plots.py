"""Plots of the tables that `bench diagnose` writes."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.report.style import GREY, canvas

_SATURATED = 0.1  # distance from 0 or 1 below which a gate counts as saturated


def figure(name: str, table: pd.DataFrame) -> Figure:
    """The plot of `table`, the diagnosis called `name` (a key of PLOTS)."""
    drawn, (axes,) = canvas()
    if name not in ("gates", "sentences"):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    PLOTS[name](axes, table)
    return drawn


def _gradient(axes: Axes, table: pd.DataFrame) -> None:
    for layer, rows in table.groupby("layer"):
        axes.plot(rows["lag"], rows["norm"], label=f"layer {layer}")
    _log_unless_zero(axes, table["norm"])
    axes.set(
        xlabel="steps before the scored one", ylabel=r"norm of $\partial L / \partial s$", title="Gradient through time"
    )
    axes.invert_xaxis()
    axes.legend()


def _jacobian(axes: Axes, table: pd.DataFrame) -> None:
    for layer, rows in table.groupby("layer"):
        (line,) = axes.plot(rows["t"], rows["radius"], marker=".", label=f"layer {layer}: radius")
        axes.plot(rows["t"], rows["norm"], "--", color=line.get_color(), label=f"layer {layer}: norm")
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.set(
        xlabel="time step",
        ylabel=r"radius, norm of $\partial s_t / \partial s_{t-1}$",
        ylim=(0, None),
        title="Jacobian of a step",
    )
    axes.legend()


def _lyapunov(axes: Axes, table: pd.DataFrame) -> None:
    axes.bar(table["lane"], table["exponent"])
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xlabel="lane", ylabel="log growth per step", title="Largest Lyapunov exponent")


def _gates(axes: Axes, table: pd.DataFrame) -> None:
    for (layer, gate), rows in table.groupby(["layer", "gate"]):
        edges = [*rows["low"], rows["high"].iloc[-1]]
        axes.stairs(rows["share"].tolist(), edges, label=f"layer {layer}, gate {gate}")
    for low, high in ((0, _SATURATED), (1 - _SATURATED, 1)):
        axes.axvspan(low, high, color=GREY, alpha=0.15)
    axes.set(xlabel="value of the gate", ylabel="share", title="Gates (grey: saturated)", xlim=(0, 1))
    axes.legend()


def _memory(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table["lag"], table["share"], marker=".")
    _log_unless_zero(axes, table["share"])
    for share in (0.5, 0.01):
        axes.axhline(share, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="steps back", ylabel="share of influence at 0", title="Influence of an input on the last output")


def _clipping(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table["step"], table["before"], marker=".", color=GREY, label="before clipping")
    axes.plot(table["step"], table["after"], "--", label="after clipping")
    _log_unless_zero(axes, table["before"])
    axes.set(xlabel="training step", ylabel="gradient norm", title="Clipping")
    axes.legend()


def _log_unless_zero(axes: Axes, values: pd.Series[float]) -> None:
    """Make the y axis logarithmic, unless no value is above 0."""
    if (values > 0).any():
        axes.set_yscale("log")


def _sentences(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table["x"], table["y"], linestyle="none", marker="o")
    for i, (sentence, x, y) in enumerate(zip(table["sentence"], table["x"], table["y"], strict=True)):
        side, above = "right" if x > 0 else "left", -12 if i % 2 else 5  # the places are around 0
        axes.annotate(sentence, (x, y), xytext=(0, above), textcoords="offset points", ha=side, fontsize="small")
    axes.margins(0.15)
    axes.set(xlabel="first principal component", ylabel="second", title="Sentences as vectors")


PLOTS: dict[str, Callable[[Axes, pd.DataFrame], None]] = {
    "gradient": _gradient,
    "jacobian": _jacobian,
    "lyapunov": _lyapunov,
    "gates": _gates,
    "memory": _memory,
    "clipping": _clipping,
    "sentences": _sentences,
}
