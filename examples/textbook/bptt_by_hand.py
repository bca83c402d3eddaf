"""Backpropagation through three time steps by hand: python examples/textbook/bptt_by_hand.py"""

from __future__ import annotations

from math import tanh

import torch

from bench.cells.vanilla import Vanilla

U, W = 0.5, 0.8  # W_ih and W_hh
INPUTS, TARGET = (1.0, -2.0, 0.5), 1.0


def forward(u: float, w: float, xs: tuple[float, ...]) -> list[float]:
    """h_0, h_1, ... of h_t = tanh(u x_t + w h_{t-1}), with h_0 = 0."""
    hs = [0.0]
    for x in xs:
        hs.append(tanh(u * x + w * hs[-1]))
    return hs


def backward(w: float, hs: list[float], target: float) -> list[float]:
    """d_1, d_2, ...: the derivatives of L = (h_T - target)^2 / 2 by what the tanh of each step is taken of."""
    arriving, ds = hs[-1] - target, []
    for h in reversed(hs[1:]):
        ds.append(arriving * (1 - h * h))
        arriving = w * ds[-1]
    return ds[::-1]


def by_hand(u: float, w: float, xs: tuple[float, ...], target: float) -> tuple[float, float]:
    """dL/du and dL/dw."""
    hs = forward(u, w, xs)
    ds = backward(w, hs, target)
    return sum(d * x for d, x in zip(ds, xs, strict=True)), sum(d * h for d, h in zip(ds, hs, strict=False))


def by_autograd(u: float, w: float, xs: tuple[float, ...], target: float) -> tuple[float, float]:
    """The same from the harness's cell and torch."""
    cell = Vanilla(1, 1).double()
    with torch.no_grad():
        for parameter, value in zip(cell.parameters(), (u, w, 0, 0), strict=True):
            parameter.fill_(value)
    state = cell.initial_state(1, like=cell.weight_ih)
    for x in xs:
        y, state = cell.step(torch.tensor([[x]], dtype=torch.float64), state)
    ((y - target) ** 2 / 2).sum().backward()
    assert cell.weight_ih.grad is not None and cell.weight_hh.grad is not None
    return cell.weight_ih.grad.item(), cell.weight_hh.grad.item()


if __name__ == "__main__":
    hs = forward(U, W, INPUTS)
    ds = backward(W, hs, TARGET)
    print("t    x_t  h_{t-1}      h_t      d_t  d_t x_t  d_t h_{t-1}")
    for t, (x, before, h, d) in enumerate(zip(INPUTS, hs, hs[1:], ds, strict=False), 1):
        print(f"{t}  {x:+.2f}  {before:+.4f}  {h:+.4f}  {d:+.4f}  {d * x:+.4f}      {d * before + 0.0:+.4f}")
    hand, auto = by_hand(U, W, INPUTS, TARGET), by_autograd(U, W, INPUTS, TARGET)
    for name, ours, theirs in zip(("u", "w"), hand, auto, strict=True):
        equal = "yes" if abs(ours - theirs) < 1e-12 else "no"
        print(f"dL/d{name}  by hand {ours:+.12f}  autograd {theirs:+.12f}  equal to 1e-12: {equal}")
