"""Quasi-recurrent network: convolutions over time compute gates and candidates, and a linear recurrence pools them.

Bradbury, Merity, Xiong & Socher, "Quasi-recurrent neural networks", ICLR 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import State
from bench.api.linear import LinearCell
from bench.kernels.window import extend, taps


class QRNN(LinearCell):
    """fo-pooling over causal convolutions, with the blocks of W in the order z, f, o:

        z = tanh(W_z * X)        f = sigmoid(W_f * X)        o = sigmoid(W_o * X)        (all with biases)
        c' = f * c + (1 - f) * z        y = o * c'

    W * X at step t covers the last `window` inputs, oldest first, with zeros before the first input. The state is
    (c `[B, H]`,) for window=1, else (c, the previous inputs `[B, window - 1, F]`). The paper's zoneout and dense
    connections are left out. Parameters: 3 H (window F + 1). Raises ValueError for a window below 1.
    """

    def __init__(self, input_size: int, hidden_size: int, window: int = 2) -> None:
        if window < 1:
            raise ValueError(f"window={window}: choose at least 1 input")
        super().__init__(input_size, hidden_size)
        self.state_shape = (hidden_size,)
        self.window = window
        self.project = nn.Linear(window * input_size, 3 * hidden_size)

    def set_forget_bias(self, value: float) -> None:
        nn.init.constant_(self.project.bias[self.hidden_size : 2 * self.hidden_size], value)

    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        """f, (1 - f) * z and o, `[..., H]` each, of windows of inputs `[..., window * F]`."""
        z, f, o = self.project(x).chunk(3, dim=-1)
        return torch.sigmoid(f), torch.sigmoid(-f) * torch.tanh(z), torch.sigmoid(o)

    def output(self, h: Tensor, *others: Tensor) -> Tensor:
        (o,) = others
        return o * h

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        c = super().initial_state(batch_size, like)
        return (c, like.new_zeros(batch_size, self.window - 1, self.input_size)) if self.window > 1 else (c,)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        windows_TBF, past = self._windows(x_BF.unsqueeze(0), state[1:])
        y_BH, c = super().step(windows_TBF[0], state[0])
        return y_BH, (c, *past)

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps at once: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        windows_TBF, past = self._windows(x_TBF, state[1:])
        y_TBH, c = super().unroll(windows_TBF, state[0])
        return y_TBH, (c, *past)

    def _windows(self, x_TBF: Tensor, past: State) -> tuple[Tensor, State]:
        """The last `window` inputs at every step, `[T, B, window * F]`, and the previous inputs of the next chunk."""
        if self.window == 1:
            return x_TBF, ()
        joined, last = extend(past[0], x_TBF)
        return torch.cat(taps(joined, self.window), dim=-1), (last,)
