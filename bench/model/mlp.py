"""The perceptron behind a cell, applied to each time step alone."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

GATES: dict[str, Callable[[Tensor], Tensor]] = {"geglu": F.gelu, "swiglu": F.silu}
"""The kinds whose hidden layer is a product with a gate, and its activation."""


class MLP(nn.Sequential):
    """V' gelu(V y), with biases: two layers, of which the first is `wide`."""

    def __init__(self, size: int, wide: int) -> None:
        super().__init__(nn.Linear(size, wide), nn.GELU(), nn.Linear(wide, size))


class GatedMLP(nn.Module):
    """V' (act(U y) * V y), without biases. act is gelu (geglu) or silu (swiglu).

    Shazeer, "GLU variants improve Transformer", arXiv:2002.05202 (2020). Parameters: 3 `size` `wide`.
    """

    def __init__(self, size: int, wide: int, kind: str) -> None:
        super().__init__()
        self.activation = GATES[kind]
        self.gate = nn.Linear(size, wide, bias=False)
        self.up = nn.Linear(size, wide, bias=False)
        self.down = nn.Linear(wide, size, bias=False)

    def forward(self, y: Tensor) -> Tensor:
        return self.down(self.activation(self.gate(y)) * self.up(y))


def make_mlp(kind: str, size: int, wide: int) -> nn.Module:
    """The perceptron of a `kind` (an option of `model.mlp_kind`)."""
    return GatedMLP(size, wide, kind) if kind in GATES else MLP(size, wide)
