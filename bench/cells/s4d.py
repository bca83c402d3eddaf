"""S4D: one diagonal state space model for each channel, discretised by zero-order hold.

Gu, Gupta, Goel & Re, "On the parameterization and initialization of diagonal state space models", NeurIPS 2022.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State
from bench.kernels.scan import linear_scan

_CHUNK = 64  # time steps in a chunk; within it, a product with a Toeplitz matrix replaces the loop over steps
_LEAST_STEP, _MOST_STEP = 1e-3, 1e-1  # range of the initial Delta, as in the paper


class S4D(Cell):
    """u = W_in x maps the input to H channels. For each channel and each of its states:

        a = exp(Delta A)        h' = a h + (a - 1) / A u        y = activation(Re(C . h') + D u)

    A = -exp(log_decay) + i frequency and Delta = exp(log_step). B is fixed at 1, since C can absorb it. N is
    `state_size`. `kind=complex` has N / 2 conjugate pairs for each channel and starts as S4D-Lin, A_n = -1/2 + i pi n.
    Of each pair only one state is stored, and counted twice. `kind=real` has N real states and starts as S4D-Real,
    A_n = -(n + 1). Delta starts between 0.001 and 0.1, uniform in its logarithm. The block's mixing of channels is left
    out. The state is `[B, H, N/2, 2]` or, for real, `[B, H, N, 1]`. Parameters: H F + 2 H N + 2 H. Raises ValueError
    for a state_size below 1 or, for complex, odd.
    """

    undecayed = ("log_decay", "frequency", "log_step")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        state_size: int = 64,
        kind: Literal["complex", "real"] = "complex",
        activation: Literal["gelu", "none"] = "gelu",
    ) -> None:
        self.parts = 2 if kind == "complex" else 1
        if state_size < 1 or state_size % self.parts:
            raise ValueError(f"state_size={state_size}: kind={kind} needs a positive multiple of {self.parts}")
        super().__init__(input_size, hidden_size)
        self.size, self.activation = state_size // self.parts, activation
        self.project: nn.Module = nn.Linear(input_size, hidden_size, bias=False)
        n = torch.arange(float(self.size)).repeat(hidden_size, 1)
        self.log_decay = nn.Parameter(torch.full_like(n, math.log(0.5)) if kind == "complex" else torch.log(n + 1))
        self.frequency = nn.Parameter(math.pi * n) if kind == "complex" else None
        self.log_step = nn.Parameter(torch.empty(hidden_size, 1).uniform_(math.log(_LEAST_STEP), math.log(_MOST_STEP)))
        self.C = nn.Parameter(torch.randn(hidden_size, self.size, self.parts) / math.sqrt(self.parts))
        self.D = nn.Parameter(torch.randn(hidden_size))

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """A block's own map takes the place of W_in."""
        if input_map:
            self.project = nn.Identity()

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return like.new_zeros(batch_size, *self.C.shape)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        u_BH = self.project(x_BF).to(self.D.dtype)
        log_a, b, C = self._system()
        h = torch.exp(log_a) * _joined(state) + b * u_BH.unsqueeze(-1)
        return self._output((C * h).sum(-1).real, u_BH), _parted(h)

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps, in chunks: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        assert isinstance(state, Tensor)
        u_TBH = self.project(x_TBF).to(self.D.dtype)
        whole = len(u_TBH) // _CHUNK * _CHUNK
        h, reads = _joined(state), []
        with torch.autocast(x_TBF.device.type, enabled=False):
            for span, length in ((u_TBH[:whole], _CHUNK), (u_TBH[whole:], len(u_TBH) - whole)):
                if len(span):
                    read, h = self._in_chunks(span, h, length)
                    reads.append(read)
        return self._output(torch.cat(reads), u_TBH), _parted(h)

    def _system(self) -> tuple[Tensor, Tensor, Tensor]:
        """log a, (a - 1) / A, and C scaled so that the output is Re(C . h); `[H, N/2]` complex or `[H, N]` real."""
        A = -torch.exp(self.log_decay)
        if self.frequency is not None:
            A = torch.complex(A, self.frequency)
        log_a = A * torch.exp(self.log_step)
        return log_a, torch.expm1(log_a) / A, _joined(self.C * float(self.parts))

    def _in_chunks(self, u_TBH: Tensor, h0_BHN: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Re(C . h) `[K * L, B, H]` at every step of K chunks of L = `length` steps, and the last state.

        Each channel takes three matrix products: from a chunk's inputs to its last state, as if it began from zeros;
        after a scan over chunks, from a chunk's true initial state to its outputs; and from its inputs to its outputs,
        the paper's convolution.
        """
        log_a, b, C = self._system()
        times = torch.arange(length + 1, device=u_TBH.device)
        power = torch.exp(log_a.unsqueeze(-1) * times)
        written, read = b.unsqueeze(-1) * power[..., :length], C.unsqueeze(-1) * power[..., 1:]
        kernel_HL = (C.unsqueeze(-1) * written).sum(1).real
        lag = times[:length].unsqueeze(1) - times[:length]
        toeplitz = kernel_HL[:, lag.clamp_min(0)].tril()

        u = u_TBH.unflatten(0, (-1, length)).permute(3, 1, 0, 2)  # [H, L, K, B]
        lanes = u.shape[2:]
        u = u.flatten(2)
        ends = (written.flip(-1) @ u.to(written.dtype)).unflatten(-1, lanes).permute(2, 3, 0, 1)
        h_KBHN = linear_scan(power[..., length], ends, h0_BHN)
        starts = torch.cat([h0_BHN.unsqueeze(0), h_KBHN[:-1]]).permute(2, 3, 0, 1).flatten(2)
        y = toeplitz @ u + (read.mT @ starts).real
        return y.unflatten(-1, lanes).permute(2, 1, 3, 0).flatten(0, 1), h_KBHN[-1]

    def _output(self, read: Tensor, u: Tensor) -> Tensor:
        y = read + self.D * u
        return F.gelu(y) if self.activation == "gelu" else y


def _joined(parts: Tensor) -> Tensor:
    """Real and imaginary parts `[..., 2]` as complex numbers, or real numbers `[..., 1]` as themselves."""
    return torch.view_as_complex(parts) if parts.shape[-1] == 2 else parts.squeeze(-1)


def _parted(joined: Tensor) -> Tensor:
    return torch.view_as_real(joined) if joined.is_complex() else joined.unsqueeze(-1)
