"""n-gram MLP: a perceptron over the last inputs, a baseline without memory beyond its window.

Bengio, Ducharme, Vincent & Jauvin, "A neural probabilistic language model", JMLR 3 (2003).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import Cell, State
from bench.kernels.window import extend, taps


class NgramMLP(Cell):
    """y = tanh(W [x_{t-k+1}; ...; x_t] + b), over the last k = `context` inputs, zeros before the first.

    This is the paper's hidden layer. Its shared word features are the option `model.embedding`; its direct connections
    from the features to the softmax are left out. The state is the last k - 1 inputs, `[B, k - 1, F]`.
    Parameters: H (k F + 1). Raises ValueError for a context below 2.
    """

    receptive_field: int

    def __init__(self, input_size: int, hidden_size: int, context: int = 8) -> None:
        if context < 2:
            raise ValueError(f"context={context}: choose at least 2 inputs, the current one and the one before")
        super().__init__(input_size, hidden_size)
        self.receptive_field = context
        self.project = nn.Linear(context * input_size, hidden_size)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return like.new_zeros(batch_size, self.receptive_field - 1, self.input_size)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        y_TBH, state = self.unroll(x_BF.unsqueeze(0), state)
        return y_TBH[0], state

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps at once: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        assert isinstance(state, Tensor)
        joined, state = extend(state, x_TBF)
        return torch.tanh(self.project(torch.cat(taps(joined, self.receptive_field), dim=-1))), state
