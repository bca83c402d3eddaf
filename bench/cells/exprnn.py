"""expRNN: a recurrent matrix kept orthogonal by the matrix exponential.

Lezcano-Casado & Martinez-Rubio, "Cheap orthogonal constraints in neural networks", ICML 2019.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell


class ExpRNN(Cell):
    """For all values of its parameters the recurrent matrix is a rotation, which keeps the norm of the state:

        h' = modrelu(exp(A) h + W x)        A = U - U^T, U strictly upper triangular
        modrelu(a) = sign(a) * relu(|a| + b)        parameters: H F + H (H - 1) / 2 + H

    W is drawn as in He et al. (2015), b uniformly from +-0.01. The initial A consists of 2x2 blocks on the diagonal,
    each of which rotates a pair of units. With `init=henaff` (Henaff et al., ICML 2016) the angles are uniform in
    +-pi. With `init=cayley` (Helfrich et al., ICML 2018) they are tan(v / 2) with v uniform in [-pi/2, 0], so that
    exp(A) starts near the identity. The state is never rotated in bfloat16. Raises ValueError for a hidden size below
    2.
    """

    def __init__(self, input_size: int, hidden_size: int, init: Literal["henaff", "cayley"] = "cayley") -> None:
        super().__init__(input_size, hidden_size)
        if hidden_size < 2:
            raise ValueError(f"hidden size {hidden_size}: a rotation acts on pairs of units, so choose 2 or more")
        self.init = init
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.skew = nn.Parameter(torch.empty(hidden_size * (hidden_size - 1) // 2))
        self.bias = nn.Parameter(torch.empty(hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew from torch's global generator."""
        nn.init.kaiming_normal_(self.weight_ih, nonlinearity="relu")
        nn.init.uniform_(self.bias, -0.01, 0.01)
        rows, columns = self._upper()
        angles = torch.empty(len(rows)).uniform_(-math.pi, math.pi)
        if self.init == "cayley":
            angles = -torch.tan(angles.abs() / 4)
        pairs = (rows % 2 == 0) & (columns == rows + 1)
        with torch.no_grad():
            self.skew.copy_(torch.where(pairs, angles, 0.0))

    def rotation(self) -> Tensor:
        """The orthogonal recurrent matrix exp(A), `[H, H]`."""
        upper = self.skew.new_zeros(self.hidden_size, self.hidden_size).index_put(self._upper(), self.skew)
        # exp(A) = exp(A + I) / e: at norms below 0.6 torch has errors of up to 5e-5 (pytorch/pytorch issue 196592)
        shifted_HH = upper - upper.T + torch.eye(self.hidden_size, dtype=upper.dtype, device=upper.device)
        return _exponential(shifted_HH) / math.e

    def initial_state(self, batch_size: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        h = self._turn(F.linear(x_BF, self.weight_ih), state, self.rotation())
        return h, h

    def unroll(self, x_TBF: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Step through `x [T, B, F]` in a loop that computes the matrix exponential, O(H^3), only once.

        Returns the outputs `[T, B, H]` and the last state.
        """
        rotation_HH, h, outputs = self.rotation(), state, []
        for x_BH in F.linear(x_TBF, self.weight_ih).unbind(0):
            h = self._turn(x_BH, h, rotation_HH)
            outputs.append(h)
        return torch.stack(outputs), h

    def _turn(self, x_BH: Tensor, h_BH: Tensor, rotation_HH: Tensor) -> Tensor:
        with torch.autocast(x_BH.device.type, enabled=False):  # rounded to bfloat16 a rotation no longer keeps the norm
            a = x_BH.to(rotation_HH) + F.linear(h_BH.to(rotation_HH), rotation_HH)
        return torch.sign(a) * torch.relu(torch.abs(a) + self.bias)

    def _upper(self) -> tuple[Tensor, Tensor]:
        """Row and column indices of the entries above the diagonal, in the order of `skew`."""
        rows, columns = torch.triu_indices(self.hidden_size, self.hidden_size, offset=1, device=self.skew.device)
        return rows, columns


def _exponential(matrix_HH: Tensor) -> Tensor:
    """exp of a matrix, in float64: in float32 torch's gradient of it has errors of up to 1%. MPS has neither."""
    wide_HH = (matrix_HH.cpu() if matrix_HH.device.type == "mps" else matrix_HH).double()
    return torch.linalg.matrix_exp(wide_HH).to(matrix_HH)
