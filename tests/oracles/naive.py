"""The built-in cells written down once more from their papers' equations, slowly and on their own: no code is shared.

Every sum is spelled out per unit and lane in float64. Weights come in the layout of the cells under test: rows of gate
blocks, one unit after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


def sigmoid(v: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-v))


def tanh(v: Tensor) -> Tensor:
    return (torch.exp(v) - torch.exp(-v)) / (torch.exp(v) + torch.exp(-v))


def affine(matrix: Tensor, bias: Tensor, row: int, vector: Tensor) -> Tensor:
    """One row of `matrix @ vector + bias`."""
    total = bias[row]
    for column in range(len(vector)):
        total = total + matrix[row, column] * vector[column]
    return total


def vanilla(w: Weights, x: Tensor, h: Tensor) -> tuple[Tensor]:
    """h_j' = tanh(x's part_j + h's part_j)"""
    new = []
    for j in range(len(h)):
        new.append(tanh(_input(w, j, x) + _recurrent(w, j, h)))
    return (torch.stack(new),)


def lstm(w: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """c_j' = f_j c_j + i_j g_j;  h_j' = o_j tanh(c_j')"""
    width, new_h, new_c = len(h), [], []
    for j in range(width):
        a_i, a_f, a_g, a_o = (_input(w, b * width + j, x) + _recurrent(w, b * width + j, h) for b in range(4))
        c_j = sigmoid(a_f) * c[j] + sigmoid(a_i) * tanh(a_g)
        new_c.append(c_j)
        new_h.append(sigmoid(a_o) * tanh(c_j))
    return torch.stack(new_h), torch.stack(new_c)


def gru(w: Weights, x: Tensor, h: Tensor) -> tuple[Tensor]:
    """r and z gate as usual; n_j = tanh(x's part_j + r_j * h's part_j);  h_j' = (1 - z_j) n_j + z_j h_j"""
    width, new = len(h), []
    for j in range(width):
        r = sigmoid(_input(w, j, x) + _recurrent(w, j, h))
        z = sigmoid(_input(w, width + j, x) + _recurrent(w, width + j, h))
        n = tanh(_input(w, 2 * width + j, x) + r * _recurrent(w, 2 * width + j, h))
        new.append((1 - z) * n + z * h[j])
    return (torch.stack(new),)


def _input(w: Weights, row: int, x: Tensor) -> Tensor:
    return affine(w["weight_ih"], w["bias_ih"], row, x)


def _recurrent(w: Weights, row: int, h: Tensor) -> Tensor:
    return affine(w["weight_hh"], w["bias_hh"], row, h)


STEPS: dict[str, Callable[..., tuple[Tensor, ...]]] = {"Vanilla": vanilla, "LSTM": lstm, "GRU": gru}


def unroll(name: str, w: Weights, x_TBF: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Outputs `[T, B, H]` and last states `[B, H]`, lane by lane and step by step."""
    outputs_BTH, last = [], []
    for lane in range(x_TBF.shape[1]):
        lane_state, outputs_TH = tuple(s[lane] for s in state), []
        for time in range(x_TBF.shape[0]):
            lane_state = STEPS[name](w, x_TBF[time, lane], *lane_state)
            outputs_TH.append(lane_state[0])
        outputs_BTH.append(torch.stack(outputs_TH))
        last.append(lane_state)
    return torch.stack(outputs_BTH, dim=1), tuple(torch.stack(parts) for parts in zip(*last, strict=True))


def parameters(name: str, features: int, hidden: int) -> int:
    """Weights and both biases of every gate block."""
    blocks = {"Vanilla": 1, "LSTM": 4, "GRU": 3}[name]
    return blocks * hidden * (features + hidden + 2)
