"""Gradient descent on one weight, with the steps drawn: python examples/textbook/gradient_descent.py"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from bench.report.style import GREY, canvas, save

INPUTS, WANTED = (1.0, -0.5, 0.8, -1.0), (1.0, 0.0, 0.8, -0.6)  # what w = 0.5 makes of them
START, RATE = 1.4, 0.12


def losses(w: Tensor) -> Tensor:
    """(h_t - y_t)^2 / 2 of each time step, `[T, ...]`, of the recurrence h_t = w h_{t-1} + x_t."""
    h, found = torch.zeros_like(w), []
    for x, y in zip(INPUTS, WANTED, strict=True):
        h = w * h + x
        found.append((h - y) ** 2 / 2)
    return torch.stack(found)


def descend(start: float, rate: float, steps: int, reduce: str = "mean") -> list[tuple[float, float, float]]:
    """The weight, the loss J and the slope dJ/dw at the start and after each step."""
    w, found = torch.tensor(start, dtype=torch.float64, requires_grad=True), []
    for _ in range(steps + 1):
        loss = losses(w).mean() if reduce == "mean" else losses(w).sum()
        (slope,) = torch.autograd.grad(loss, w)
        found.append((w.item(), loss.item(), slope.item()))
        with torch.no_grad():
            w -= rate * slope
    return found


def plot() -> Figure:
    """J over w, and the steps on it."""
    figure, (axes,) = canvas()
    grid = torch.linspace(-0.6, 1.6, 200)
    axes.plot(grid, losses(grid).mean(0), color=GREY)
    for start, label in ((START, "slope above 0: w falls"), (-0.5, "slope below 0: w rises")):
        ws, js, _ = zip(*descend(start, RATE, 8), strict=True)
        (line,) = axes.plot(ws, js, "o", markersize=5, label=label)
        for i in range(len(ws) - 1):
            ends = {"xy": (ws[i + 1], js[i + 1]), "xytext": (ws[i], js[i])}
            axes.annotate("", **ends, arrowprops={"arrowstyle": "->", "color": line.get_color()})
    axes.set(xlabel=r"weight $\theta$ = w", ylabel=r"loss J($\theta$)")
    axes.legend(loc="upper center")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the steps into a PNG file")
    options = parser.parse_args()
    print("step       w        J    dJ/dw")
    for step, (w, loss, slope) in enumerate(descend(START, RATE, 6)):
        print(f"{step:4}  {w:+.3f}  {loss:7.4f}  {slope:+.4f}")
    print("\nloss  rate  dJ/dw at the start  w after 1 step  after 6")
    for reduce, rate in (("mean", RATE), ("sum", RATE / 4), ("sum", RATE)):
        path = descend(START, rate, 6, reduce)
        print(f"{reduce:4}  {rate:4g}  {path[0][2]:+18.4f}  {path[1][0]:+14.3f}  {path[-1][0]:+7.3f}")
    if options.plot:
        save(plot(), options.plot)
