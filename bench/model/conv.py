"""The short causal convolution in front of a cell."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.kernels.window import extend, taps


class ShortConv(nn.Module):
    """y_t = act(w_1 x_{t-K+1} + ... + w_K x_t + b) for each channel alone, with K = `count`.

    Inputs before the first are zeros. act is silu or none. As in torch.nn, weights and bias start uniform in
    +-1/sqrt(K). Parameters: (K + 1) C for C channels. The state is the last K - 1 inputs, `[B, K - 1, C]`.
    """

    def __init__(self, channels: int, count: int, activation: str = "silu") -> None:
        super().__init__()
        bound = 1 / math.sqrt(count)
        self.weight = nn.Parameter(torch.empty(count, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))
        self.activation = activation

    def initial_state(self, batch_size: int, like: Tensor) -> Tensor:
        """Zeros `[B, K - 1, C]`."""
        count, channels = self.weight.shape
        return like.new_zeros(batch_size, count - 1, channels)

    def forward(self, x: Tensor, past_BKC: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of inputs `[T, B, C]`, or of one step `[B, C]`, and the next past."""
        x_TBC = x if x.dim() == 3 else x[None]
        joined, past_BKC = extend(past_BKC, x_TBC.to(past_BKC))
        y_TBC = sum((tap * w for tap, w in zip(taps(joined, len(self.weight)), self.weight, strict=True)), self.bias)
        y_TBC = F.silu(y_TBC) if self.activation == "silu" else y_TBC
        return y_TBC.view_as(x), past_BKC
