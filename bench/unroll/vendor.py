"""torch.nn's fused layers (oneDNN on CPUs, cuDNN on NVIDIA GPUs) on the parameters of a gated cell."""

from __future__ import annotations

import warnings
from typing import Any

import torch
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
        self.layer.train(torch.is_grad_enabled())  # without gradients cuDNN is to keep nothing for a backward pass
        carried = tuple(s.unsqueeze(0) for s in state)  # torch.nn has a leading dimension for layers
        device = x_TBF.device.type
        if torch.is_autocast_enabled(device):
            y_TBH, last = self.in_dtype(torch.get_autocast_dtype(device), x_TBF, carried)
        else:
            y_TBH, last = self.layer(x_TBF, carried if len(carried) > 1 else carried[0])
        last = last if isinstance(last, tuple) else (last,)
        return y_TBH, tuple(s.squeeze(0) for s in last)

    def in_dtype(self, dtype: torch.dtype, x_TBF: Tensor, carried: tuple[Tensor, ...]) -> tuple[Tensor, Any]:
        """The layer's outputs and last states, all computed in `dtype`.

        torch's autocast would cast a layer of cuDNN to float16, whatever dtype it was asked for, and nothing scales the
        loss against what float16 rounds to 0. On a CPU it would ask oneDNN for an LSTM in bfloat16 after it has been
        chosen for float32, and some processors have none.
        """
        layer, state = self.layer, tuple(s.to(dtype) for s in carried)
        weights = [weight.to(dtype) for weight in layer._flat_weights]  # type: ignore[union-attr]
        fused: Any = getattr(torch, layer.mode.lower())
        options = (layer.bias, layer.num_layers, layer.dropout, layer.training, layer.bidirectional, layer.batch_first)
        with torch.autocast(x_TBF.device.type, enabled=False), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")
            y_TBH, *last = fused(x_TBF.to(dtype), state if len(state) > 1 else state[0], weights, *options)
        return y_TBH, tuple(last)
