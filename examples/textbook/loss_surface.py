"""The loss of a one-unit network over its two weights, and two ways down: python examples/textbook/loss_surface.py"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from bench.report.style import COLOURS, canvas, save

STEPS, FIRST, WANTED = 50, 0.5, 0.7
START, RATE, CLIP = (4.6, -1.5), 0.5, 0.2


def loss(w: Tensor, b: Tensor) -> Tensor:
    """(h_T - y)^2 after T steps of h_t = sigmoid(w h_{t-1} + b), for each pair of weights."""
    h = torch.full_like(w, FIRST)
    for _ in range(STEPS):
        h = torch.sigmoid(w * h + b)
    return (h - WANTED) ** 2


def descend(clip: float | None, steps: int = 300) -> list[tuple[float, float, float, float]]:
    """w, b, the loss and the gradient's norm there, at the start and after each step of gradient descent."""
    place, found = torch.tensor(START, dtype=torch.float64, requires_grad=True), []
    for _ in range(steps + 1):
        value = loss(place[0], place[1])
        (gradient,) = torch.autograd.grad(value, place)
        norm = float(gradient.norm())
        found.append((*place.tolist(), value.item(), norm))
        if clip is not None:
            gradient = gradient * min(1.0, clip / max(norm, 1e-300))
        with torch.no_grad():
            place -= RATE * gradient
    return found


def plot(path: str) -> None:
    """Draw the loss over w and b as colours, and both ways."""
    figure, (axes,) = canvas(height=4.5)
    w, b = torch.linspace(2.5, 7.5, 300), torch.linspace(-4, 4, 300)
    grid_b, grid_w = torch.meshgrid(b, w, indexing="ij")
    colours = axes.pcolormesh(w.numpy(), b.numpy(), loss(grid_w, grid_b).numpy(), cmap="Greys", rasterized=True)
    figure.colorbar(colours, label="loss")
    for clip, colour in zip((None, CLIP), COLOURS[1::-1], strict=True):
        ws, bs, _, _ = zip(*descend(clip), strict=True)
        axes.plot(ws, bs, ".-", color=colour, linewidth=1, label=f"clipped to {clip:g}" if clip else "not clipped")
    axes.plot(*START, "k*", markersize=10, label="start")
    axes.set(xlabel="weight w", ylabel="bias b")
    axes.legend(loc="upper left")
    save(figure, Path(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="also draw the surface and both ways into a PNG file")
    options = parser.parse_args()
    print("                step       w       b    loss  gradient's norm")
    for name, clip in (("not clipped", None), (f"clipped to {CLIP:g}", CLIP)):
        way = descend(clip)
        wall = max(range(len(way)), key=lambda step: way[step][3])
        for step in (0, wall, wall + 1, len(way) - 1):
            w, b, value, norm = way[step]
            print(f"{name:16}{step:4}  {w:+.3f}  {b:+.3f}  {value:.4f}  {norm:15.4f}")
    if options.plot:
        plot(options.plot)
