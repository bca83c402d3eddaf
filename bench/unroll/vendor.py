"""torch.nn's own layers (oneDNN on CPUs, cuDNN on NVIDIA GPUs) run on a gated cell's very parameters."""

from __future__ import annotations

from torch import Tensor, nn

from bench.api import GatedCell, State

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class VendorUnroll:
    """A gated cell carried through time by its `vendor()` layer, which shares the cell's parameters.

    It is no module of its own, so that a model's parameters are counted and stored once.
    """

    def __init__(self, cell: GatedCell, layer: nn.RNNBase) -> None:
        self.layer = layer
        for name in _NAMES:
            setattr(layer, f"{name}_l0", getattr(cell, name))
        if cell.weight_ih.is_cuda:
            layer.flatten_parameters()  # cuDNN wants one contiguous block; the shared parameters become views of it

    def __call__(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        carried = tuple(s.unsqueeze(0) for s in state)  # torch.nn counts layers in a leading dimension
        y_TBH, last = self.layer(x_TBF, carried if len(carried) > 1 else carried[0])
        last = last if isinstance(last, tuple) else (last,)
        return y_TBH, tuple(s.squeeze(0) for s in last)
