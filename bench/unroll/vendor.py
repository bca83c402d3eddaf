"""torch.nn's fused layers (oneDNN on CPUs, cuDNN on NVIDIA GPUs) on the parameters of a gated cell."""

from __future__ import annotations

from torch import Tensor, nn

from bench.api import GatedCell, State

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class VendorUnroll:
    """A gated cell unrolled over time by `layer`, its `vendor()` layer, which shares the cell's parameters.

    It is not a module, so that a model counts and stores the parameters once. A call takes `x [T, B, F]` and the cell's
    state, and returns the outputs `[T, B, H]` and the last state.
    """

    def __init__(self, cell: GatedCell, layer: nn.RNNBase) -> None:
        self.layer = layer
        for name in _NAMES:
            setattr(layer, f"{name}_l0", getattr(cell, name))
        if cell.weight_ih.is_cuda:
            layer.flatten_parameters()  # cuDNN needs one contiguous block; the shared parameters become views of it

    def __call__(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        carried = tuple(s.unsqueeze(0) for s in state)  # torch.nn has a leading dimension for layers
        y_TBH, last = self.layer(x_TBF, carried if len(carried) > 1 else carried[0])
        last = last if isinstance(last, tuple) else (last,)
        return y_TBH, tuple(s.squeeze(0) for s in last)
