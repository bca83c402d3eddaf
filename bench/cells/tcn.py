"""Temporal convolutional network: causal dilated convolutions, a baseline without memory beyond its receptive field.

Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks for sequence modeling",
arXiv:1803.01271 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State
from bench.kernels.window import extend, taps


class TCN(Cell):
    """`levels` residual blocks with dilations 1, 2, 4, ...:

        u = relu(conv_2(relu(conv_1(x))))        y = relu(u + s)        s = x, or W_s x + b_s if the widths differ

    Convolutions are causal, have k = `kernel_size` taps, and are weight-normalised with one scale for each output
    channel (Salimans & Kingma 2016). Dropout is an option of the model, not of the cell. `receptive_field` is
    1 + 2 (k - 1) (2^levels - 1) inputs, 61 by default. The state holds for each convolution its last (k - 1) * dilation
    inputs, `[B, (k - 1) * dilation, channels]`, initially zeros.
    All maps start as torch.nn draws them. `init=published` draws W_s normal with a deviation of 0.01, as the released
    code (locuslab/TCN) does; it sets the convolutions' weights alike, which their weight norm then overrides.
    Parameters: H (k F + 2) + (2 levels - 1) H (k H + 2), plus H (F + 1) if F is not H.
    Raises ValueError for `levels` below 1 or `kernel_size` below 2.
    """

    receptive_field: int

    def __init__(self, input_size: int, hidden_size: int, levels: int = 4, kernel_size: int = 3) -> None:
        if levels < 1 or kernel_size < 2:
            raise ValueError(f"levels={levels}, kernel_size={kernel_size}: choose at least 1 level and 2 taps")
        super().__init__(input_size, hidden_size)
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**levels - 1)
        widths = [input_size, *[hidden_size] * (2 * levels - 1)]
        convolutions = (CausalConv(w, hidden_size, kernel_size, 2 ** (i // 2)) for i, w in enumerate(widths))
        self.convolutions = cast(Sequence[CausalConv], nn.ModuleList(convolutions))
        self.skip = nn.Identity() if input_size == hidden_size else nn.Linear(input_size, hidden_size)

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        if isinstance(self.skip, nn.Linear):
            nn.init.normal_(self.skip.weight, std=0.01)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return tuple(like.new_zeros(batch_size, conv.past, conv.channels) for conv in self.convolutions)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        y_TBH, state = self.unroll(x_BF.unsqueeze(0), state)
        return y_TBH[0], state

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps at once: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        u, past = x_TBF, list(state)
        s = self.skip(x_TBF)
        for i, conv in enumerate(self.convolutions):
            u, past[i] = conv(u, past[i])
            u = F.relu(u)
            if i % 2:
                u = s = F.relu(u + s)
        return u, tuple(past)


class CausalConv(nn.Module):
    """A weight-normalised causal convolution over time: `taps` inputs, `dilation` steps apart."""

    def __init__(self, channels: int, width: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.channels, self.taps, self.dilation = channels, taps, dilation
        self.past = (taps - 1) * dilation
        plain = nn.Linear(taps * channels, width)  # only for its initial weights
        self.direction, self.bias = plain.weight, plain.bias
        self.scale = nn.Parameter(plain.weight.detach().norm(dim=1))

    def forward(self, x_TBC: Tensor, past_BKC: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `[T, B, width]` of `x [T, B, C]` after the inputs `past [B, K, C]`, and the next past."""
        joined, past_BKC = extend(past_BKC, x_TBC)
        weight = self.direction * (self.scale / self.direction.norm(dim=1)).unsqueeze(1)
        return F.linear(torch.cat(taps(joined, self.taps, self.dilation), dim=-1), weight, self.bias), past_BKC
