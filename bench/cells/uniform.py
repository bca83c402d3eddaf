"""The initialisation of torch.nn's recurrent layers, for cells that are not GatedCells."""

from __future__ import annotations

import math

from torch import nn

from bench.api import Cell


def draw_uniform(cell: Cell) -> None:
    """Draw all parameters of `cell` uniformly from +-1/sqrt(H), with torch's global generator."""
    bound = 1 / math.sqrt(cell.hidden_size)
    for parameter in cell.parameters():
        nn.init.uniform_(parameter, -bound, bound)
