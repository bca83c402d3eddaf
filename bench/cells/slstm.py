"""sLSTM: an LSTM with exponential gates. Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import GatedCell

_EMPTY = -1e9  # log weight of an empty memory: below that of every input gate, yet, unlike -inf, it can be subtracted


class SLSTM(GatedCell):
    """Gate blocks in the order i, f, z, o, of the sum a = W_ih x + b_ih + W_hh h + b_hh:

        c' = f * c + i * tanh(a_z)        n' = f * n + i        i = exp(a_i)
        h' = sigmoid(a_o) * c' / n'                             parameters: 4 H (F + H + 2)

    c' / n' is the mean of all candidates tanh(a_z) so far, weighted by the gates. `forget=sigmoid` means
    f = sigmoid(a_f), and `forget=exp` means f = exp(a_f). To avoid overflow, the state holds c and n divided by exp(m),
    where m is the largest log weight so far:

        m' = max(log f + m, a_i)        i = exp(a_i - m')        f = exp(log f + m - m')

    The stored n' is at least 1, and h' does not depend on m. There is one head, with a dense W_hh; the paper's block
    around the cell (convolution, group norm, projections) is `block=xlstm_post`.

    Weights and biases start as in torch.nn. `init=published` starts them as the released code does (NX-AI/xlstm): W_ih
    normal with the variance 2 / (5 F), W_hh 0, all biases 0 but the forget gate's. Those fall over the units j from 5
    to -7, as 5 - 12 (j / (H - 1))^p; the power p rises over the layers from 0.3 to 1.6.
    """

    blocks = 4
    states = ("h", "c", "n", "m")
    keeps, writes = 1, 0
    published_block = "xlstm_post"
    apart = False  # c and n are in units of exp(m)

    def __init__(self, input_size: int, hidden_size: int, forget: Literal["sigmoid", "exp"] = "sigmoid") -> None:
        self.forget = forget
        super().__init__(input_size, hidden_size)

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        nn.init.normal_(self.weight_ih, std=math.sqrt(0.4 / self.input_size))
        for parameter in (self.weight_hh, self.bias_ih, self.bias_hh):
            nn.init.zeros_(parameter)
        power = 0.3 + 1.3 * layer / max(1, layers - 1)
        with torch.no_grad():
            self.bias_ih.view(4, -1)[self.keeps] = 5 - 12 * torch.linspace(0, 1, self.hidden_size) ** power

    def initial_state(self, batch_size: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """h, c and n are zeros, and m is the log weight of an empty memory, `[B, H]` each."""
        zeros = like.new_zeros(batch_size, self.hidden_size)
        return zeros, zeros, zeros, torch.full_like(zeros, _EMPTY)

    def gates(  # type: ignore[override]
        self, x_proj: Tensor, h_proj: Tensor, h: Tensor, c: Tensor, n: Tensor, m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a_i, a_f, a_z, a_o = (x_proj + h_proj).chunk(4, dim=-1)
        kept = m + (F.logsigmoid(a_f) if self.forget == "sigmoid" else a_f)
        m = torch.maximum(kept, a_i)
        i, f = torch.exp(a_i - m), torch.exp(kept - m)
        c = f * c + i * torch.tanh(a_z)
        n = f * n + i
        return torch.sigmoid(a_o) * c / n, c, n, m
