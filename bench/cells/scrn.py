"""Structurally constrained recurrent network: a plain recurrent network beside a slowly decaying linear memory.

Mikolov, Joulin, Chopra, Mathieu & Ranzato, "Learning longer memory in recurrent neural networks", arXiv:1412.7753
(ICLR 2015 workshop).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell
from bench.cells.uniform import draw_uniform


class SCRN(Cell):
    """S of the H units are context units, a slowly decaying linear memory; the others are a plain recurrent network:

        s' = (1 - alpha) B x + alpha s
        h' = sigmoid(P s' + A x + R h)
        y = [h', s']                                                parameters: S F + (H - S) (F + H)

    The paper's output U h' + V s' is a linear layer over y. As in the paper there are no biases, and alpha is one
    constant for all context units. `context` is S; None means a quarter of the units. Raises ValueError unless
    1 <= S < H and 0 <= alpha <= 1.
    """

    def __init__(self, input_size: int, hidden_size: int, context: int | None = None, alpha: float = 0.95) -> None:
        super().__init__(input_size, hidden_size)
        self.context = max(1, hidden_size // 4) if context is None else context
        if not 1 <= self.context < hidden_size:
            raise ValueError(f"context={self.context}: must be at least 1 and below the hidden size {hidden_size}")
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha={alpha}: must be in [0, 1]")
        self.alpha = alpha
        self.fast = hidden_size - self.context
        self.weight_context = nn.Parameter(torch.empty(self.context, input_size))
        self.weight_input = nn.Parameter(torch.empty(self.fast, input_size))
        self.weight_state = nn.Parameter(torch.empty(self.fast, hidden_size))
        draw_uniform(self)

    def initial_state(self, batch_size: int, like: Tensor) -> tuple[Tensor, Tensor]:
        return like.new_zeros(batch_size, self.fast), like.new_zeros(batch_size, self.context)

    def step(self, x_BF: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        h, s = state
        s = torch.lerp(F.linear(x_BF, self.weight_context).to(s), s, self.alpha)  # lerp asks for one dtype
        before = torch.cat((h, s), dim=-1)
        h = torch.sigmoid(F.linear(x_BF, self.weight_input) + F.linear(before, self.weight_state))
        return torch.cat((h, s), dim=-1), (h, s)
