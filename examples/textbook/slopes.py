"""The slopes of four activations, and their products over time: python examples/textbook/slopes.py"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from bench.cells.vanilla import Vanilla
from bench.report.style import canvas, save

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu")
AT = (-2.0, -0.5, 0.5, 2.0)


def slopes(activation: str, a_N: Tensor) -> Tensor:
    """f'(a) of the activation that the vanilla cell has by this name, by autograd."""
    a_N = a_N.clone().requires_grad_()
    f_N = Vanilla(1, 1, activation=activation).gates(a_N, torch.zeros_like(a_N), a_N)
    return torch.autograd.grad(f_N.sum(), a_N)[0]


def plot(path: str, steps: int = 20) -> None:
    """Draw the slopes over a, and what is left of a gradient after n steps through units at a = 0.5 and -0.5."""
    figure, (left, right) = canvas(2, width=3.6, height=3.0)
    a_N, styles = torch.linspace(-4, 4, 401), ("-", "-", "--", ":")
    for activation, style in zip(ACTIVATIONS, styles, strict=True):
        (line,) = left.plot(a_N, slopes(activation, a_N), style, label=activation)
        on, off = slopes(activation, torch.tensor([0.5, -0.5])).tolist()
        right.plot([on**n for n in range(steps + 1)], style, color=line.get_color())
        if activation == "leaky_relu":
            right.plot([off**n for n in range(7)], style, color=line.get_color())
    left.set(xlabel="a", ylabel="slope f'(a)")
    left.legend(loc="upper left", fontsize="small")
    right.set(xlabel="steps n", ylabel="f'(0.5)$^n$; leaky_relu also f'(-0.5)$^n$", yscale="log", ylim=(1e-13, 3))
    save(figure, Path(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="also draw the slopes and their products into a PNG file")
    options = parser.parse_args()
    print("slope at a =" + "".join(f"{a:8g}" for a in AT) + "    at 0.5, to the 20th power")
    for activation in ACTIVATIONS:
        found = slopes(activation, torch.tensor(AT)).tolist()
        print(f"{activation:12}" + "".join(f"{slope:8.3f}" for slope in found) + f"{found[2] ** 20:28.1e}")
    if options.plot:
        plot(options.plot)
