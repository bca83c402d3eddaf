"""What becomes of the first input of h_t = w h_{t-1} + x_t: python examples/textbook/scalar_recurrence.py"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from bench.report.style import canvas, save

WEIGHTS = (0.1, 1.0, 2.0)


def influence(w: float, steps: int) -> list[float]:
    """dh_t/dx_1 at each of `steps` time steps t, by autograd."""
    x_T = torch.zeros(steps, dtype=torch.float64, requires_grad=True)
    h, found = torch.zeros((), dtype=torch.float64), []
    for x in x_T:
        h = w * h + x
        found.append(torch.autograd.grad(h, x_T, retain_graph=True)[0][0].item())
    return found


def plot(steps: int = 21) -> Figure:
    """The influence over n = t - 1, as autograd finds it (dots) and as w^n (lines)."""
    figure, (axes,) = canvas()
    for w in WEIGHTS:
        (dots,) = axes.plot(influence(w, steps), "o", markersize=4, label=f"w = {w:g}")
        axes.plot([w**n for n in range(steps)], color=dots.get_color(), linewidth=1)
    axes.set(xlabel="steps n after the first input", ylabel=r"$\partial h_{n+1} / \partial x_1$", yscale="log")
    axes.set(ylim=(1e-8, 1e8), xlim=(-0.5, 20.5), xticks=range(0, 21, 4), title=r"$h_t = w\,h_{t-1} + x_t$")
    axes.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the curves into a PNG file")
    options = parser.parse_args()
    print(f"{'w':>4}  {'dh_5/dx_1':>9}  {'w^4':>9}")
    for w in WEIGHTS:
        print(f"{w:>4g}  {influence(w, 5)[4]:>9.6g}  {w**4:>9.6g}")
    if options.plot:
        save(plot(), options.plot)
