"""Causal softmax attention over a sliding window: a baseline that stores its last inputs instead of a summary of them.

Vaswani et al., "Attention is all you need", NeurIPS 2017; rotary positions from Su et al., "RoFormer", arXiv:2104.09864
(2021); the sliding window from Beltagy, Peters & Cohan, "Longformer", arXiv:2004.05150 (2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State
from bench.kernels.window import extend

_ROTARY_BASE = 10_000.0


class Attention(Cell):
    """y = W_out attention(W_qkv x), without biases: the mixing of time steps in a Transformer, and nothing around it.

    Attention is softmax(q . k / sqrt(d)) over the last `context` inputs, the current one included, in `heads` heads of
    width d = 2 ceil(H / (2 heads)), so that H need not be a multiple of `heads`. Queries and keys are rotated by their
    positions, so that q . k depends on their distance alone. The paper's norms, residual paths and perceptron are
    `block=transformer`. The state is the keys and the values of the last context - 1 inputs, `[B, context - 1,
    heads d]` each, and their number so far, `[B]`. Parameters: 3 n d F + n d H; n = `heads`.
    Raises ValueError for `heads` below 1 or `context` below 2.
    """

    published_block = "transformer"
    receptive_field: int
    expected_failures: ClassVar[Mapping[str, str]] = {
        "finite for large inputs": "scores of 1e10 are rounded by 1000, and the fused gradient exponentiates this"
    }

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4, context: int = 128) -> None:
        if heads < 1 or context < 2:
            raise ValueError(f"heads={heads}, context={context}: choose at least 1 head and at least 2 inputs")
        super().__init__(input_size, hidden_size)
        self.heads, self.receptive_field = heads, context
        self.inner = heads * 2 * math.ceil(hidden_size / (2 * heads))
        self.qkv = nn.Linear(input_size, 3 * self.inner, bias=False)
        self.out: nn.Module = nn.Linear(self.inner, hidden_size, bias=False)

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """A block's own map takes the place of W_out."""
        if output_map:
            self.out, self.hidden_size = nn.Identity(), self.inner

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        past = like.new_zeros(batch_size, self.receptive_field - 1, self.inner)
        return past, past.clone(), like.new_zeros(batch_size)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        y_TBH, state = self.unroll(x_BF.unsqueeze(0), state)
        return y_TBH[0], state

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps at once: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        past_k, past_v, count_B = state
        q, k, v = self.qkv(x_TBF).chunk(3, dim=-1)
        (k, past_k), (v, past_v) = extend(past_k, k), extend(past_v, v)
        seen_B = (count_B + len(x_TBF)).clamp_max(self.receptive_field - 1)
        return self.out(self._attend(q, k, v, count_B)), (past_k, past_v, seen_B)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, count_B: Tensor) -> Tensor:
        """Attention `[T, B, heads d]`, one block of queries at a time, so that its cost is linear in T.

        A block of Q queries attends to context - 1 + Q keys. `k` and `v` begin with the context - 1 keys and values
        before the first query, of which the last `count_B` are real and the others padding.
        """
        steps, past = len(q), self.receptive_field - 1
        size = min(steps, self.receptive_field)
        reads = []
        for start in range(0, steps, size):
            block = slice(start, start + size + past)
            q_BnQd, k_BnKd, v_BnKd = (self._split(x) for x in (q[start : start + size], k[block], v[block]))
            keys, queries = k_BnKd.shape[-2], q_BnQd.shape[-2]
            position = torch.arange(keys, device=q.device)
            distance = position[past : past + queries].unsqueeze(1) - position
            is_near = (distance >= 0) & (distance <= past)
            is_real = position >= past - start - count_B.unsqueeze(1)
            mask_B1QK = is_near & is_real[:, None, None, :]
            q_BnQd, k_BnKd = _rotate(q_BnQd, position[past : past + queries]), _rotate(k_BnKd, position)
            read = F.scaled_dot_product_attention(q_BnQd, k_BnKd, v_BnKd, attn_mask=mask_B1QK)
            reads.append(read.permute(2, 0, 1, 3).flatten(2))
        return torch.cat(reads)

    def _split(self, x_TBC: Tensor) -> Tensor:
        """`x [T, B, heads d]` as `[B, heads, T, d]`."""
        return x_TBC.unflatten(-1, (self.heads, -1)).permute(1, 2, 0, 3)


def _rotate(x: Tensor, position: Tensor) -> Tensor:
    """Rotate each pair of coordinates (i, i + d/2) of `x [..., T, d]` by the angle position * base^(-2i/d)."""
    half = x.shape[-1] // 2
    dtype = torch.promote_types(x.dtype, torch.float32)  # bfloat16 is too coarse for these angles
    rate = _ROTARY_BASE ** (-torch.arange(half, device=x.device, dtype=dtype) / half)
    angle = position.unsqueeze(1) * rate
    cos, sin = angle.cos(), angle.sin()
    first, second = x.split(half, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
