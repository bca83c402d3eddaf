"""Linear recurrent unit: a diagonal linear recurrence over complex numbers, parametrised to be stable.

Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu & De, "Resurrecting recurrent neural networks for long sequences",
ICML 2023.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api.linear import LinearCell


class LRU(LinearCell):
    """With lambda = exp(-exp(nu) + i exp(theta)), so that |lambda| < 1, and N complex states:

        h' = lambda * h + exp(gamma) * (B x)        y = activation(Re(C h') + D x)

    exp(gamma) starts at sqrt(1 - |lambda|^2), which keeps h at the scale of B x. lambda is drawn uniformly from the
    ring between the radii `r_min` and `r_max`, with angles up to `max_phase` radians; radii near 1 remember longer. In
    the paper the activation belongs to the block around the unit. It is here because units stacked without one are a
    single linear map. N is `state_size`; None means H. Parameters: 3 N + 2 N F + 2 N H + H F.
    Raises ValueError unless 0 <= r_min < r_max <= 1 and max_phase > 0.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        state_size: int | None = None,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        activation: Literal["gelu", "none"] = "gelu",
    ) -> None:
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(f"r_min={r_min}, r_max={r_max}: choose 0 <= r_min < r_max <= 1")
        if max_phase <= 0:
            raise ValueError(f"max_phase={max_phase}: choose an angle above 0, at most {2 * math.pi:.4f} (a full turn)")
        super().__init__(input_size, hidden_size)
        self.size = hidden_size if state_size is None else state_size
        self.state_shape = (self.size, 2)
        self.activation = activation
        radius2 = (r_min**2 + (r_max**2 - r_min**2) * torch.rand(self.size)).clamp(1e-6, 1 - 1e-6)
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(radius2)))
        self.theta = nn.Parameter(torch.log(max_phase * torch.rand(self.size).clamp_min(1e-6)))
        self.gamma = nn.Parameter(0.5 * torch.log1p(-radius2))
        # Real and imaginary rows of B, and columns of C, alternate, so that each complex map is one real product.
        self.B = nn.Parameter(torch.randn(2 * self.size, input_size) / math.sqrt(2 * input_size))
        self.C = nn.Parameter(torch.randn(hidden_size, 2 * self.size) / math.sqrt(self.size))
        self.D = nn.Parameter(torch.randn(hidden_size, input_size) / math.sqrt(input_size))

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        a = torch.polar(torch.exp(-torch.exp(self.nu)), torch.exp(self.theta))
        Bx = F.linear(x, self.B).to(self.B.dtype).unflatten(-1, (self.size, 2))
        return a, torch.view_as_complex(Bx * torch.exp(self.gamma).unsqueeze(-1)), x

    def output(self, h: Tensor, *others: Tensor) -> Tensor:
        (x,) = others
        y = F.linear(torch.view_as_real(h).flatten(-2), self.C) + F.linear(x, self.D)
        return F.gelu(y) if self.activation == "gelu" else y
