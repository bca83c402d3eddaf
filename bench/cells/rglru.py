"""Real-gated linear recurrent unit, the recurrence of Griffin and RecurrentGemma.

De, Smith, Fernando, Botev et al., "Griffin: mixing gated linear recurrences with local attention for efficient language
models", arXiv:2402.19427 (2024), section 2.4.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api.linear import LinearCell

_SHARPNESS = 8.0  # the paper's c
_TINY = 1e-12  # keeps the square root's gradient finite where a is 1


class RGLRU(LinearCell):
    """u = W_in x maps the input to width H:

        r = sigmoid(W_a u + b_a)        i = sigmoid(W_x u + b_x)        a = sigmoid(Lambda)^(8 r)
        h' = a * h + sqrt(1 - a^2) * (i * u)        y = h'

    The convolution and the multiplicative branch of Griffin are parts of `block=griffin`. Gate matrices are full; in
    the released code they are block-diagonal. Lambda is drawn so that sigmoid(Lambda)^8 is uniform in [0.9, 0.999], as
    in the paper; the maps as torch.nn draws linear layers. `init=published` is the released code's start
    (google-deepmind/recurrentgemma): there it is sigmoid(Lambda), not its 8th power, that lies between 0.9 and 0.999,
    uniform on the ring, that is in its square. Maps are normal with a variance of 1 / inputs, and biases 0.
    Parameters: H F + 2 H (H + 1) + H.
    """

    published_block = "griffin"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size,)
        self.project: nn.Module = nn.Linear(input_size, hidden_size, bias=False)
        self.gates = nn.Linear(hidden_size, 2 * hidden_size)
        slowest = torch.empty(hidden_size).uniform_(0.9, 0.999) ** (1 / _SHARPNESS)
        self.Lambda = nn.Parameter(torch.logit(slowest))

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        for linear in (self.project, self.gates):
            if isinstance(linear, nn.Linear):  # a block may have taken the first one's place
                nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.in_features))
        nn.init.zeros_(self.gates.bias)
        with torch.no_grad():
            self.Lambda.copy_(torch.logit(torch.empty_like(self.Lambda).uniform_(0.9**2, 0.999**2).sqrt()))

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """A block's own map takes the place of W_in."""
        if input_map:
            self.project = nn.Identity()

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        u = self.project(x)
        r, i = torch.sigmoid(self.gates(u)).chunk(2, dim=-1)
        log_a = _SHARPNESS * r * F.logsigmoid(self.Lambda)
        scale = (-torch.expm1(2 * log_a)).clamp_min(_TINY).sqrt()
        return torch.exp(log_a), scale * i * u
