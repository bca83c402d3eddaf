"""Simple recurrent unit: a forget gate averages over time, and a highway gate bypasses the recurrence.

Lei, Zhang, Wang, Dai & Artzi, "Simple recurrent units for highly parallelizable recurrence", EMNLP 2018. The first
version, "Training RNNs as fast as CNNs", arXiv:1709.02755v1 (2017), is without the terms in v.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.api import State
from bench.api.linear import LinearCell


class SRU(LinearCell):
    """Rows of W in the order n, f, r and, if F is not H, s:

        f = sigmoid(W_f x + v_f * c + b_f)        r = sigmoid(W_r x + v_r * c + b_r)
        c' = f * c + (1 - f) * W_n x              y = r * c' + (1 - r) * s

    s is x if F = H, else W_s x. `peephole` adds the 2018 terms v_f * c and v_r * c. Without them the recurrence is
    linear and runs in parallel over time; with them only the products with x do. c' has no activation (g of the 2017
    paper), and s is not scaled. Biases start at 0, v uniform in +-1, and W as torch.nn draws linear layers, with the
    variance 1 / (3 F). `init=published` is the released code's start (asappresearch/sru): W uniform with the variance
    1 / F, and with `peephole` half of it in the gates' rows, where v has the variance 1 / 2. W_s, with its constant
    scale, has the variance 3 / F; where F = H the released code scales x itself, in every step, by sqrt(3).
    Parameters: 3 H F + 2 H, plus H F if F is not H, plus 2 H with `peephole`.
    """

    def __init__(self, input_size: int, hidden_size: int, peephole: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size,)
        skips = input_size != hidden_size
        self.blocks = [hidden_size, 2 * hidden_size, *[hidden_size] * skips]
        self.weight = nn.Linear(input_size, sum(self.blocks), bias=False)
        self.bias = nn.Parameter(torch.zeros(2 * hidden_size))
        self.v = nn.Parameter(torch.empty(2 * hidden_size).uniform_(-1, 1)) if peephole else None

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        gates = 1.0 if self.v is None else 0.5
        for rows, variance in zip(self.weight.weight.split(self.blocks), (1.0, gates, 3.0), strict=False):
            bound = math.sqrt(3 * variance / self.input_size)
            nn.init.uniform_(rows, -bound, bound)
        if self.v is not None:
            nn.init.uniform_(self.v, -math.sqrt(1.5), math.sqrt(1.5))

    def set_forget_bias(self, value: float) -> None:
        nn.init.constant_(self.bias[: self.hidden_size], value)

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        return self._coefficients(*self._project(x))

    def output(self, h: Tensor, *others: Tensor) -> Tensor:
        r, s = others
        return r * h + (1 - r) * s

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        return super().step(x_BF, state) if self.v is None else self._look_back(self._project(x_BF), state)

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps, at once without `peephole`: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        if self.v is None:
            return super().unroll(x_TBF, state)
        outputs = []
        for inputs in zip(*(i.unbind() for i in self._project(x_TBF)), strict=True):
            y_BH, state = self._look_back(inputs, state)
            outputs.append(y_BH)
        return torch.stack(outputs), state

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        """W_n x, the gates' sums without the terms in v, and s."""
        n, gates, *s = self.weight(x).split(self.blocks, dim=-1)
        return n, gates + self.bias, s[0] if s else x

    def _coefficients(self, n: Tensor, gates: Tensor, s: Tensor) -> tuple[Tensor, ...]:
        f, r = torch.sigmoid(gates).chunk(2, dim=-1)
        return f, (1 - f) * n, r, s

    def _look_back(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State]:
        """One step with the terms in v."""
        assert isinstance(state, Tensor) and self.v is not None
        n, gates, s = inputs
        a, b, *others = self._coefficients(n, gates + self.v * torch.cat([state, state], dim=-1), s)
        c = a * state + b
        return self.output(c, *others), c
