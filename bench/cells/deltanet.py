"""Gated DeltaNet: a matrix memory that decays, and in which a new value replaces the old value of its key.

Yang, Kautz & Hatamizadeh, "Gated delta networks: improving Mamba2 with delta rule", ICLR 2025 (arXiv:2412.06464). The
chunked form is from Yang, Wang, Zhang, Shen & Kim, "Parallelizing linear transformers with the delta rule over sequence
length", NeurIPS 2024.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.cells.memory import MatrixMemory, Memory, decay_between

_LEAST_A = 1e-6  # its logarithm is finite
_LEAST_STEP, _MOST_STEP = 1e-3, 1e-1  # range of the initial softplus(b_a), as in Mamba-2


class GatedDeltaNet(MatrixMemory):
    """For each of `heads` heads, of width d = ceil(H / heads), with q and k scaled to length 1:

        alpha = exp(-exp(log_A) softplus(w_a x + b_a))        beta = sigmoid(w_b x)
        S' = alpha S + beta k (v - alpha S^T k)^T             r = S'^T q        y = W_out r

    q, k and v are linear maps of x. The paper's block around the recurrence (convolution and SiLU, output norm and
    gate, residual path, MLP) is `block=deltanet`. exp(log_A) is drawn uniformly from [1, 16], as in
    Mamba-2; `init=published` draws it from [0, 16], as the released layer does (fla-org/flash-linear-attention).
    softplus(b_a) starts between 0.001 and 0.1, uniform in its logarithm.
    Parameters: 3 n d F + n d H + n (2 F + 2); n = `heads`.
    """

    published_block = "deltanet"

    def __init__(self, input_size: int, hidden_size: int, heads: int = 4) -> None:
        super().__init__(input_size, hidden_size, heads)
        self.alpha = nn.Linear(input_size, heads)
        self.beta = nn.Linear(input_size, heads, bias=False)
        self.log_A = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        step = _LEAST_STEP * torch.exp(math.log(_MOST_STEP / _LEAST_STEP) * torch.rand(heads))
        with torch.no_grad():
            self.alpha.bias.copy_(torch.log(torch.expm1(step)))  # the inverse of softplus

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        with torch.no_grad():
            self.log_A.copy_(torch.empty_like(self.log_A).uniform_(0, 16).clamp_min(_LEAST_A).log())

    def gates(self, x: Tensor) -> tuple[Tensor, ...]:
        """log alpha and beta, `[..., heads]` each, of inputs `[..., F]`."""
        return -torch.exp(self.log_A) * F.softplus(self.alpha(x)), torch.sigmoid(self.beta(x))

    def initial_memory(self, batch_size: int, like: Tensor) -> Memory:
        return (like.new_zeros(batch_size, self.heads, self.width, self.width),)

    def update(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        log_alpha, beta = gates
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        S = torch.exp(log_alpha)[..., None, None] * memory[0]
        error = v - (k.unsqueeze(-2) @ S).squeeze(-2)
        S = S + k.unsqueeze(-1) * (beta.unsqueeze(-1) * error).unsqueeze(-2)
        return (q.unsqueeze(-2) @ S).squeeze(-2), (S,)

    def update_chunk(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        """The value u_j that step j writes is linear in the values u_i of earlier steps, so that one triangular system
        gives all of them.
        """
        (S,), (log_alpha, beta) = memory, gates
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        decay = torch.exp(decay_between(log_alpha))
        since_start = torch.exp(log_alpha.cumsum(-1)).unsqueeze(-1)
        beta = beta.unsqueeze(-1)
        earlier = (beta * decay * (k @ k.mT)).tril(-1)
        u = torch.linalg.solve_triangular(earlier, beta * (v - since_start * (k @ S)), upper=False, unitriangular=True)
        read = since_start * (q @ S) + (decay * (q @ k.mT)) @ u
        to_end = decay[..., -1, :].unsqueeze(-1)
        return read, (since_start[..., -1:, :] * S + (to_end * k).mT @ u,)
