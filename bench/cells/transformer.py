"""Causal Transformer block over a sliding window: attention with its paper's norms, residual paths and perceptron.

Vaswani et al., "Attention is all you need", NeurIPS 2017; pre-norm as in Xiong et al., "On layer normalization in the
Transformer architecture", ICML 2020. Positions and window are those of `bench.cells.attention`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from bench.api import State
from bench.cells.attention import Attention


class Transformer(Attention):
    """With s = x if F = H, else W_s x + b_s:

        u = s + W_out attention(W_qkv norm(s))        y = u + W_2 gelu(W_1 norm(u) + b_1) + b_2

    Norms are LayerNorm, and the MLP has width 4 H. There is no final norm; dropout is an option of the model, not of
    the cell. State, `heads` and `context` are those of Attention. The same as `cell=attention block=transformer`, but
    for that block's final norm.
    Parameters: 4 n d H + 8 H^2 + 9 H, plus H (F + 1) if F is not H; n = `heads`.
    """

    is_block = True
    expected_failures: ClassVar[Mapping[str, str]] = {}  # its norm keeps scores moderate

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4, context: int = 128) -> None:
        super().__init__(hidden_size, hidden_size, heads, context)
        self.input_size = input_size
        self.widen = nn.Identity() if input_size == hidden_size else nn.Linear(input_size, hidden_size)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)
        wide = 4 * hidden_size
        self.mlp = nn.Sequential(nn.Linear(hidden_size, wide), nn.GELU(), nn.Linear(wide, hidden_size))

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """Nothing is left out: the residual path ends behind W_out."""

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps at once: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        s = self.widen(x_TBF)
        read, state = super().unroll(self.attention_norm(s), state)
        u = s + read
        return u + self.mlp(self.mlp_norm(u)), state
