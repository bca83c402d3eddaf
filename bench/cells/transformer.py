"""Causal Transformer block over a sliding window: a baseline that stores its last inputs instead of a summary of them.

Vaswani et al., "Attention is all you need", NeurIPS 2017; pre-norm as in Xiong et al., "On layer normalization in the
Transformer architecture", ICML 2020; rotary positions from Su et al., "RoFormer", arXiv:2104.09864 (2021); the sliding
window from Beltagy, Peters & Cohan, "Longformer", arXiv:2004.05150 (2020).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State
from bench.cells.window import extend

_ROTARY_BASE = 10_000.0


class Transformer(Cell):
    """With s = x if F = H, else W_s x + b_s:

        u = s + W_o attention(W_qkv norm(s))        y = u + W_2 gelu(W_1 norm(u) + b_1) + b_2

    Attention is softmax(q . k / sqrt(d)) over the last `context` inputs, the current one included, in `heads` heads of
    width d = 2 ceil(H / (2 heads)), so that H need not be a multiple of `heads`. Queries and keys are rotated by their
    positions, so that q . k depends on their distance alone. Norms are LayerNorm, and the MLP has width 4 H. There is
    no final norm; dropout is an option of the model, not of the cell. The state is the keys and the values of the last
    context - 1 inputs, `[B, context - 1, heads d]` each, and their number so far, `[B]`.
    Parameters: 4 n d H + 8 H^2 + 9 H, plus H (F + 1) if F is not H; n = `heads`.
    Raises ValueError for `heads` below 1 or `context` below 2.
    """

    receptive_field: int

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4, context: int = 128) -> None:
        if heads < 1 or context < 2:
            raise ValueError(f"heads={heads}, context={context}: choose at least 1 head and at least 2 inputs")
        super().__init__(input_size, hidden_size)
        self.heads, self.receptive_field = heads, context
        self.inner = heads * 2 * math.ceil(hidden_size / (2 * heads))
        self.widen = nn.Identity() if input_size == hidden_size else nn.Linear(input_size, hidden_size)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)
        self.qkv = nn.Linear(hidden_size, 3 * self.inner, bias=False)
        self.out = nn.Linear(self.inner, hidden_size, bias=False)
        wide = 4 * hidden_size
        self.mlp = nn.Sequential(nn.Linear(hidden_size, wide), nn.GELU(), nn.Linear(wide, hidden_size))

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        past = like.new_zeros(batch_size, self.receptive_field - 1, self.inner)
        return past, past.clone(), like.new_zeros(batch_size)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        y_TBH, state = self.unroll(x_BF.unsqueeze(0), state)
        return y_TBH[0], state

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps at once: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        past_k, past_v, count_B = state
        s = self.widen(x_TBF)
        q, k, v = self.qkv(self.attention_norm(s)).chunk(3, dim=-1)
        (k, past_k), (v, past_v) = extend(past_k, k), extend(past_v, v)
        u = s + self.out(self._attend(q, k, v, count_B))
        seen_B = (count_B + len(x_TBF)).clamp_max(self.receptive_field - 1)
        return u + self.mlp(self.mlp_norm(u)), (past_k, past_v, seen_B)

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
