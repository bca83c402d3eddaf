"""Plots of an overview: mean ranks with their critical difference, and each cell against each other."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import ConfigError
from bench.report.style import COLOURS, GREY
from bench.stats.ranks import alike
from bench.tables.formats import three_digits
from bench.tables.overview import Overview
from bench.tables.pairs import of_task
from bench.tables.shared import without_shared

_MOST = 20
"""Cells that a picture has room for."""


def critical_difference(found: Overview) -> Figure:
    """The mean ranks on a line, the best at the left; bars join cells whose mean ranks differ by less than the critical
    difference (Demsar, 2006). Raises ConfigError where nothing can be ranked."""
    if found.ranking is None:
        raise ConfigError(
            "--plot: mean ranks need two tasks, and two cells that have a score on each of them; this setting has "
            f"{len(found.main)} and {len(found.complete)}"
        )
    _refuse_many(found.complete)
    names = without_shared(found.complete)[0]
    ranks, critical = found.ranking.ranks, found.ranking.critical
    order = sorted(range(len(names)), key=ranks.__getitem__)
    lots = alike(ranks, critical)
    half = (len(names) + 1) // 2
    figure = Figure(figsize=(8, 1.3 + 0.28 * half + 0.16 * len(lots)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    low, high, bars = 1.0, float(len(names)), 0.16 * len(lots)
    for place, cell in enumerate(order):
        left = place < half
        below = bars + 0.28 * ((place if left else len(names) - 1 - place) + 1)
        end = low - 0.02 * (high - low) if left else high + 0.02 * (high - low)
        axes.plot([ranks[cell], ranks[cell], end], [0, -below, -below], color=GREY, linewidth=0.8)
        text = f"{names[cell]}  {three_digits(ranks[cell])} "
        axes.annotate(
            text if left else f" {three_digits(ranks[cell])}  {names[cell]}",
            (end, -below), ha="right" if left else "left", va="center", fontsize=9,
        )  # fmt: skip
    for number, lot in enumerate(lots):
        ends = [ranks[cell] for cell in lot]
        height = -0.16 * (number + 1) + 0.04
        axes.plot([min(ends) - 0.02, max(ends) + 0.02], [height, height], color=COLOURS[0], linewidth=3)
    axes.plot([low, low + critical], [0.42, 0.42], color=COLOURS[1], linewidth=2)
    axes.annotate(f"critical difference {three_digits(critical)}", (low + critical / 2, 0.46), ha="center", fontsize=9)
    _as_ruler(axes, low, high)
    axes.set_title(f"Mean ranks over {len(found.main)} tasks", fontsize=10)
    return figure


def _as_ruler(axes: Axes, low: float, high: float) -> None:
    """A line from the best to the worst rank, with its ticks above, and nothing else around the plot."""
    axes.plot([low, high], [0, 0], color="black", linewidth=1)
    for rank in range(int(low), int(high) + 1):
        axes.plot([rank, rank], [0, 0.06], color="black", linewidth=1)
        axes.annotate(str(rank), (rank, 0.1), ha="center", fontsize=9)
    margin = 0.3 * (high - low)
    axes.set(xlim=(low - margin, high + margin))
    axes.set_axis_off()


def matrix(found: Overview, pairs: pd.DataFrame) -> Figure:
    """Each cell, a row, against each other: its mean gain, the probability that it is better, and the corrected p.

    Of several tasks it shows the normalised scores of all; raises ConfigError where these are not known.
    """
    shown = of_task(pairs)
    if shown["task"].nunique() != 1 or shown["metric"].nunique() != 1:
        raise ConfigError("--plot: a matrix is of one task, or of several with normalised scores: choose by task=...")
    cells = [cell for cell in found.cells if cell in {*shown["a"], *shown["b"]}]
    _refuse_many(cells)
    names, size = without_shared(cells)[0], len(cells)
    figure = Figure(figsize=(2.2 + 1.15 * size, 1.4 + 0.8 * size), layout="constrained", facecolor="white")
    axes = figure.subplots()
    chances = [[0.5] * size for _ in cells]
    for row in shown.to_dict("records"):
        a, b = cells.index(row["a"]), cells.index(row["b"])
        for one, other, sign in ((a, b, -1), (b, a, 1)):
            chance = row["improvement"] if sign > 0 else 1 - row["improvement"]
            chances[one][other] = chance
            p = "no test" if row["test"] == "none" else f"p {three_digits(row['p'])}"
            told = row["test"] != "none" and row["verdict"] in ("better", "worse")
            axes.annotate(
                f"{sign * row['gain']:+.3g}\n{chance:.0%} wins\n{p}", (other, one), ha="center", va="center",
                fontsize=8, fontweight="bold" if told else "normal",
                color="white" if abs(chance - 0.5) > 0.4 else "black",
            )  # fmt: skip
    image = axes.imshow(chances, cmap="PuOr_r", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, label="probability that the row's cell wins", shrink=0.8)
    axes.set_xticks(range(size), names, rotation=30, ha="right")
    axes.set_yticks(range(size), names)
    task, metric = shown[["task", "metric"]].iloc[0]
    axes.set_title(f"{task}: {metric}, row less column; bold: told apart (Holm, 5%)", fontsize=10)
    return figure


def _refuse_many(cells: list[str]) -> None:
    if len(cells) > _MOST:
        raise ConfigError(
            f"--plot: {len(cells)} cells: a picture has room for {_MOST}: choose some, as in cell=gru,lstm"
        )
