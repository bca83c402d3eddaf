"""A cell in a file of its own: python -m bench task=copy cell=custom cell.target=examples/my_cell.py:MyCell"""

import torch
from torch import Tensor

from bench.api import GatedCell


class MyCell(GatedCell):
    """The light GRU of Ravanelli et al. 2018, without its batch normalisation: no reset gate, a rectified candidate.

    With a = W_ih x + b_ih + W_hh h + b_hh: z = sigmoid(a_z), c = relu(a_c), h' = z * h + (1 - z) * c
    """

    blocks = 2  # z and c

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor) -> Tensor:
        z, c = (x_proj + h_proj).chunk(2, dim=-1)
        z, c = torch.sigmoid(z), torch.relu(c)
        return z * h + (1 - z) * c
