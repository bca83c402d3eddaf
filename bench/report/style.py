"""The one style of all plots: colours, line styles, grid, and how a figure becomes a file.

A figure has a white ground of its own, so that it reads the same on a light and on a dark page. Its six colours stay
apart for every kind of colour blindness and have a contrast of 3 or more against white; beyond six, lines are dashed.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, product
from math import ceil
from pathlib import Path

from cycler import cycler
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import ConfigError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#882255")
"""The colours of lines in their order: four of Okabe & Ito's, black, and a wine red of Tol's."""
LINES = ("-", "--", ":", "-.")
_MARKS = ("o", "s", "^", "D", "v", "P")  # a colour has one, so that a line beneath another can be seen
FORMATS = ("png", "svg", "pdf")
GREY = "#767676"
"""What is drawn for comparison: chance, limits, bounds."""

_DPI = 110
_COLUMNS = 3  # panels in a row


def canvas(panels: int = 1, width: float = 6.0, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, of `width` and `height` inches each. It needs neither a display nor pyplot."""
    columns = 2 if panels == 4 else min(panels, _COLUMNS)
    rows = ceil(panels / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", facecolor="white")
    every = [axes for row in figure.subplots(rows, columns, squeeze=False) for axes in row]
    for axes in every[panels:]:
        axes.remove()
    for axes in every[:panels]:
        axes.set_prop_cycle(cycler(linestyle=LINES) * cycler(color=COLOURS))
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, every[:panels]


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The colour, mark and line style of each name, in the order of their first places; the same in all panels."""
    every = cycle(product(LINES, zip(COLOURS, _MARKS, strict=True)))
    return {
        name: {"linestyle": line, "color": colour, "marker": mark}
        for name, (line, (colour, mark)) in zip(dict.fromkeys(names), every, strict=False)
    }


def check_format(path: Path) -> None:
    """Raise ConfigError where the end of the file's name is none of FORMATS."""
    if path.suffix.removeprefix(".").lower() not in FORMATS:
        raise ConfigError(f"{path}: a plot is written as {', '.join(FORMATS)}: end the file's name in one of them")


def save(figure: Figure, path: Path) -> None:
    """Write `figure` in the format that the file's name ends in; the same figure gives the same file.

    Raises ConfigError for another format, OSError as it comes.
    """
    check_format(path)
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "bench"}):  # else the ids within it are random
        figure.savefig(path, dpi=_DPI, metadata=undated.get(path.suffix[1:].lower()))
