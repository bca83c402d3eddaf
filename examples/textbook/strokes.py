"""Two generated ways of each digit, as a PNG file: python examples/textbook/strokes.py --plot strokes.png"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from bench.report.style import COLOURS, save
from bench.tasks.strokes import generated


def parts(way_T3: Tensor) -> list[Tensor]:
    """The strokes `[T, 2]` of a way, which end where the pen is lifted."""
    ends = (way_T3[:, 2].nonzero()[:, 0] + 1).tolist()
    return [way_T3[start:stop, :2] for start, stop in zip([0, *ends], ends, strict=False)]


def plot(path: str) -> None:
    """Draw the first twenty ways of train, their first point as a ring."""
    figure = Figure(figsize=(7.5, 1.9), layout="constrained", facecolor="white")
    for axes, way_T3 in zip(figure.subplots(2, 10).flat, generated()["train"].sequences, strict=False):
        for number, stroke_T2 in enumerate(parts(way_T3)):
            axes.plot(*stroke_T2.T.tolist(), ".-", color=COLOURS[number], markersize=2, linewidth=1)
        axes.plot(*way_T3[0, :2].tolist(), "o", color=COLOURS[0], markersize=5, fillstyle="none")
        axes.set(aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
        axes.axis("off")
    save(figure, Path(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", default="strokes.png", help="the file to write (strokes.png)")
    plot(parser.parse_args().plot)
