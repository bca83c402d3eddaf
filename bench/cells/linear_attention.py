"""Linear attention: a product of features replaces the softmax, which makes attention a recurrence.

Katharopoulos, Vyas, Pappas & Fleuret, "Transformers are RNNs: fast autoregressive transformers with linear attention",
ICML 2020. The decay is that of Sun et al., "Retentive network: a successor to Transformer for large language models",
arXiv:2307.08621 (2023), equation 8.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.cells.memory import MatrixMemory, Memory

_EPSILON = 1e-6  # added to the normaliser, as in the paper's code


class LinearAttention(MatrixMemory):
    """For each of `heads` heads, of width d = ceil(H / heads), with phi(v) = elu(v) + 1 and a constant gamma:

        S' = gamma S + phi(k) v^T        z' = gamma z + phi(k)
        r = S'^T phi(q) / (z' . phi(q))                                  y = W_out r

    With `decay=none`, as published, gamma is 1: r is a mean over all steps so far, and no step is ever forgotten. That
    suits a sequence with a beginning; carried through an endless text, the mean moves ever less. With `decay=retnet`,
    gamma is 1 - 2^(-5 - i) in head i from 0, so that a step is remembered for about 2^(5 + i) steps. (RetNet itself has
    neither phi nor z, but a norm of each head and rotary positions.)

    q, k and v are linear maps of x without bias. There is no residual path, norm, MLP or position encoding. Attention
    without positions cannot single out the previous step; a short causal convolution (`model.conv`) makes this
    possible. Parameters: 3 n d F + n d H; n = `heads`.
    """

    gamma: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, heads: int = 4, decay: Literal["none", "retnet"] = "none"
    ) -> None:
        super().__init__(input_size, hidden_size, heads)
        self.decay = decay
        gamma = 1 - 2.0 ** (-5 - torch.arange(heads)) if decay == "retnet" else None
        self.register_buffer("gamma", gamma, persistent=False)

    def initial_memory(self, batch_size: int, like: Tensor) -> Memory:
        lanes = (batch_size, self.heads)
        return like.new_zeros(*lanes, self.width, self.width), like.new_zeros(*lanes, self.width)

    def update(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        S, z = memory
        q, k = F.elu(q) + 1, F.elu(k) + 1
        if self.gamma is not None:
            S, z = self.gamma[:, None, None] * S, self.gamma[:, None] * z
        S, z = S + k.unsqueeze(-1) * v.unsqueeze(-2), z + k
        read = (q.unsqueeze(-2) @ S).squeeze(-2)
        return read / ((q * z).sum(-1, keepdim=True) + _EPSILON), (S, z)

    def update_chunk(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        S, z = memory
        q, k = F.elu(q) + 1, F.elu(k) + 1
        weight = (q @ k.mT).tril()
        if self.gamma is not None:  # to the power of the steps since: a key, the chunk's start; until the chunk's end
            steps = torch.arange(1, q.shape[-2] + 1, device=q.device)
            gamma = self.gamma[:, None]
            weight = weight * gamma.unsqueeze(-1) ** (steps.unsqueeze(1) - steps).clamp_min(0)
            q, k = q * (gamma**steps).unsqueeze(-1), k * (gamma ** (len(steps) - steps)).unsqueeze(-1)
        total = weight.sum(-1, keepdim=True) + q @ z.unsqueeze(-1)
        read = (weight @ v + q @ S) / (total + _EPSILON)
        if self.gamma is not None:
            S, z = (gamma ** len(steps)).unsqueeze(-1) * S, gamma ** len(steps) * z
        return read, (S + k.mT @ v, z + k.sum(-2))
