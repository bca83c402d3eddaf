"""Linear attention: a product of features replaces the softmax, which makes attention a recurrence.

Katharopoulos, Vyas, Pappas & Fleuret, "Transformers are RNNs: fast autoregressive transformers with linear attention",
ICML 2020.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from bench.cells.memory import MatrixMemory, Memory

_EPSILON = 1e-6  # added to the normaliser, as in the paper's code


class LinearAttention(MatrixMemory):
    """For each of `heads` heads, of width d = ceil(H / heads), with phi(v) = elu(v) + 1:

        S' = S + phi(k) v^T        z' = z + phi(k)        r = S'^T phi(q) / (z' . phi(q))        y = W_out r

    q, k and v are linear maps of x without bias. There is no residual path, norm, MLP or position encoding. Attention
    without positions cannot single out the previous step; a short causal convolution (`model.conv`) makes this
    possible. Parameters: 3 n d F + n d H; n = `heads`.
    """

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4) -> None:
        super().__init__(input_size, hidden_size, heads)

    def initial_memory(self, batch_size: int, like: Tensor) -> Memory:
        lanes = (batch_size, self.heads)
        return like.new_zeros(*lanes, self.width, self.width), like.new_zeros(*lanes, self.width)

    def update(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        S, z = memory
        q, k = F.elu(q) + 1, F.elu(k) + 1
        S, z = S + k.unsqueeze(-1) * v.unsqueeze(-2), z + k
        read = (q.unsqueeze(-2) @ S).squeeze(-2)
        return read / ((q * z).sum(-1, keepdim=True) + _EPSILON), (S, z)

    def update_chunk(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        S, z = memory
        q, k = F.elu(q) + 1, F.elu(k) + 1
        weight = (q @ k.mT).tril()
        total = weight.sum(-1, keepdim=True) + q @ z.unsqueeze(-1)
        return (weight @ v + q @ S) / (total + _EPSILON), (S + k.mT @ v, z + k.sum(-2))
