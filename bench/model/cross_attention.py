"""Attention of a decoder over the outputs of its encoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Memory(NamedTuple):
    """What a decoder attends to: the encoder's outputs at S time steps, `[B, S, W]`, and what they are compared by."""

    keys: Tensor
    values: Tensor


class CrossAttention(nn.Module):
    """Global attention. The decoder's output h becomes, with the encoder's outputs e_1 ... e_S,

        a = softmax_s score(h, e_s)        c = sum_s a_s e_s        y = tanh(W_c [c; h])

    score    dot: h . e_s        additive: v . tanh(W h + U e_s)

    Luong, Pham & Manning, "Effective approaches to attention-based neural machine translation", EMNLP 2015, equations
    5, 7 and 8; the additive score is that of Bahdanau, Cho & Bengio, ICLR 2015. The context c goes to the head and not
    into the cell (no input feeding), so that all time steps are computed at once where the decoder's inputs are given.
    There are no biases, as published. Where the encoder's outputs are of another `width` than h, as those of a
    bidirectional one, dot is h . U e_s, the paper's general score. Parameters, at H units and encoder's outputs of H:
    2 H^2; and for additive 2 H^2 + H more.
    """

    def __init__(self, score: str, size: int, width: int) -> None:
        super().__init__()
        self.combine = nn.Linear(width + size, size, bias=False)
        self.query, self.key, self.weigh = None, None, None
        if score == "additive":
            self.query = nn.Linear(size, size, bias=False)
            self.weigh = nn.Linear(size, 1, bias=False)
        if score == "additive" or width != size:
            self.key = nn.Linear(width, size, bias=False)

    def remember(self, outputs_SBH: Tensor) -> Memory:
        """The memory of an encoder's outputs; what does not depend on the decoder is computed here, once."""
        values_BSH = outputs_SBH.transpose(0, 1)
        return Memory(values_BSH if self.key is None else self.key(values_BSH), values_BSH)

    def forward(self, h: Tensor, memory: Memory) -> Tensor:
        """Outputs y `[U, B, H]` of the decoder's outputs `[U, B, H]`; or of one time step, without U."""
        h_BUH = h[:, None] if h.dim() == 2 else h.transpose(0, 1)
        context_BUH = self.scores(h_BUH, memory).softmax(-1) @ memory.values
        y_BUH = torch.tanh(self.combine(torch.cat([context_BUH, h_BUH], -1)))
        return y_BUH[:, 0] if h.dim() == 2 else y_BUH.transpose(0, 1)

    def scores(self, h_BUH: Tensor, memory: Memory) -> Tensor:
        """The scores `[B, U, S]`. The additive one needs `[B, U, S, H]` numbers on the way."""
        if self.query is None or self.weigh is None:
            return h_BUH @ memory.keys.transpose(1, 2)
        return self.weigh(torch.tanh(self.query(h_BUH)[:, :, None] + memory.keys[:, None])).squeeze(-1)
