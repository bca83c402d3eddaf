"""mLSTM: an LSTM with a matrix for a cell state and an exponential input gate.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter & Hochreiter, "xLSTM: extended long short-term
memory", NeurIPS 2024, equations 19 to 27 and appendix A.3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.cells.memory import MatrixMemory, Memory, decay_between

_MOST_LOG = 60.0  # exp(60) and exp(-60) are in range; a larger |m| gives the result 0 or does not change it


class MLSTM(MatrixMemory):
    """For each of `heads` heads, of width d = ceil(H / heads), with i = exp(w_i x + b_i) and f = sigmoid(w_f x + b_f):

        C' = f C + i k v^T / sqrt(d)        n' = f n + i k / sqrt(d)        r = C'^T q / max(|n' . q|, 1)
        o = sigmoid(W_o x + b_o)            y = W_out (o * r)

    To avoid overflow, the state holds C and n divided by exp(m), where m' = max(log f + m, log i); r does not depend on
    m. The block's up-projection, convolution, head norm, skip connection and gate are parts of `block=xlstm`; its gate
    takes the place of o.

    Over the heads, b_f starts evenly spaced in [3, 6], and b_i normal with a deviation of 0.1, as in the released code
    (NX-AI/xlstm); all other weights as torch.nn draws linear layers. `init=published` starts these, too, as released:
    w_i and w_f 0, W_qkv normal with the variance 2 / (5 F), W_out normal with the deviation 2 / (layers sqrt(H)). The
    released block has no W_o, which stays as it is.
    Parameters: 3 n d F + n d H + n d (F + 1) + 2 n (F + 1); n = `heads`.
    """

    published_block = "xlstm"

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4) -> None:
        super().__init__(input_size, hidden_size, heads)
        self.scalar_gates = nn.Linear(input_size, 2 * heads)
        self.output_gate: nn.Linear | None = nn.Linear(input_size, heads * self.width)
        with torch.no_grad():
            self.scalar_gates.bias[:heads].normal_(0, 0.1)
            self.scalar_gates.bias[heads:].copy_(torch.linspace(3, 6, heads))

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """A block's own map and gate take the places of W_out and o."""
        super().leave_to_block(input_map=input_map, output_map=output_map, gate=gate)
        if gate:
            self.output_gate = None

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        nn.init.zeros_(self.scalar_gates.weight)
        nn.init.normal_(self.qkv.weight, std=math.sqrt(0.4 / self.input_size))
        if isinstance(self.out, nn.Linear):
            nn.init.normal_(self.out.weight, std=2 / layers / math.sqrt(self.hidden_size))

    def set_forget_bias(self, value: float) -> None:
        nn.init.constant_(self.scalar_gates.bias[self.heads :], value)

    def gates(self, x: Tensor) -> tuple[Tensor, ...]:
        """log i and log f, `[..., heads]` each, of inputs `[..., F]`."""
        i, f = self.scalar_gates(x).chunk(2, dim=-1)
        return i, F.logsigmoid(f)

    def read(self, r: Tensor, x: Tensor) -> Tensor:
        return self.out(r if self.output_gate is None else torch.sigmoid(self.output_gate(x)) * r)

    def initial_memory(self, batch_size: int, like: Tensor) -> Memory:
        lanes = (batch_size, self.heads)
        return like.new_zeros(*lanes, self.width, self.width), like.new_zeros(*lanes, self.width), like.new_zeros(lanes)

    def update(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        (C, n, m_before), (log_i, log_f) = memory, gates
        m = torch.maximum(log_f + m_before, log_i)
        i, f = torch.exp(log_i - m).unsqueeze(-1), torch.exp(log_f + m_before - m).unsqueeze(-1)
        k = i * k / math.sqrt(self.width)
        C, n = f.unsqueeze(-1) * C + k.unsqueeze(-1) * v.unsqueeze(-2), f * n + k
        read = (q.unsqueeze(-2) @ C).squeeze(-2)
        return read / _normaliser((q * n).sum(-1), m).unsqueeze(-1), (C, n, m)

    def update_chunk(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        (C, n, m_before), (log_i, log_f) = memory, gates
        k = k / math.sqrt(self.width)
        log_weight = decay_between(log_f) + log_i.unsqueeze(-2)
        log_start = log_f.cumsum(-1) + m_before.unsqueeze(-1)
        m = torch.maximum(log_weight.amax(-1), log_start)
        weight, start = torch.exp(log_weight - m.unsqueeze(-1)), torch.exp(log_start - m).unsqueeze(-1)
        match = weight * (q @ k.mT)
        total = (match.sum(-1, keepdim=True) + start * (q @ n.unsqueeze(-1))).squeeze(-1)
        read = (match @ v + start * (q @ C)) / _normaliser(total, m).unsqueeze(-1)
        written, kept = weight[..., -1, :].unsqueeze(-1) * k, start[..., -1, :]
        return read, (kept.unsqueeze(-1) * C + written.mT @ v, kept * n + written.sum(-2), m[..., -1])


def _normaliser(total: Tensor, m: Tensor) -> Tensor:
    """max(|n . q|, 1) / exp(m), where `total` is n . q / exp(m)."""
    return torch.maximum(total.abs(), torch.exp(-m.clamp(-_MOST_LOG, _MOST_LOG)))
