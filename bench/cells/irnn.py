"""The IRNN: a vanilla network with ReLU whose recurrent matrix starts as the identity.

Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified linear units", arXiv:1504.00941 (2015).
"""

from __future__ import annotations

from torch import nn

from bench.cells.vanilla import Vanilla


class IRNN(Vanilla):
    """h' = relu(W_ih x + b_ih + W_hh h + b_hh)        parameters: H (F + H + 2)

    As in the paper W_hh starts as the identity, W_ih is normal with a standard deviation of 0.001, and biases are 0.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, activation="relu")

    def reset_parameters(self) -> None:
        super().reset_parameters()  # overwritten, but drawn: a seed gives the weights that it always gave
        nn.init.normal_(self.weight_ih, std=0.001)
        nn.init.eye_(self.weight_hh)
        nn.init.zeros_(self.bias_ih)
        nn.init.zeros_(self.bias_hh)
