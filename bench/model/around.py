"""The parts around a cell, as options: by default none; a block of the literature is a choice of them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Around:
    """The parts around each cell, in the order in which a layer applies them. The fields are options of `model`.

    pre_norm          normalisation of what a residual branch reads: none, layer or rms (`bench.model.norm`)
    expand            width of the cell as a multiple of the layer's, between two linear maps; 0: no maps, same width
    conv              taps of a short causal convolution of the cell's input (`bench.model.conv`); 0: none
    conv_activation   activation after the convolution: silu or none
    norm              normalisation of the cell's output: none, layer, rms, batch or batch_per_step; head_layer or
                      head_rms for each of the cell's heads alone
    skip              add the cell's input to its output, with a weight for each unit
    gate              multiply the cell's output by act(W x) of the layer's input
    gate_activation   act: silu or gelu
    out_projection    a linear map of the output; `expand` has one anyway
    dropout           share of each residual branch dropped in training
    residual          add the layer's input to its output, if both have the same width
    mlp               add a residual two-layer perceptron, `mlp` times as wide as the layer; 0: none
    mlp_kind          its kind: gelu, or gated: geglu, swiglu (`bench.model.mlp`)
    variational       use one dropout mask for all time steps
    zoneout, recurrent_dropout   noise on the cell's state in training (`bench.model.noise`)
    """

    pre_norm: str = "none"
    expand: float = 0.0
    conv: int = 0
    conv_activation: str = "silu"
    norm: str = "none"
    skip: bool = False
    gate: bool = False
    gate_activation: str = "silu"
    out_projection: bool = False
    dropout: float = 0.0
    residual: bool = False
    mlp: float = 0.0
    mlp_kind: str = "gelu"
    variational: bool = False
    zoneout: float = 0.0
    recurrent_dropout: float = 0.0

    def cell_width(self, size: int) -> int:
        """The width of the cell in a layer of width `size`: with `expand` a multiple of 8, so that heads divide it."""
        return 8 * math.ceil(round(self.expand * size, 6) / 8) if self.expand else size
