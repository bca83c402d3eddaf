"""How a cell's weights start where not as its constructor drew them.

Xavier: Glorot & Bengio, AISTATS 2010. He: He et al., ICCV 2015. Orthogonal: Saxe, McClelland & Ganguli, ICLR 2014.
Identity: Le, Jaitly & Hinton, arXiv:1504.00941 (2015). Chrono: Tallec & Ollivier, "Can recurrent neural networks warp
time?", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from bench.api import Cell, GatedCell
from bench.config.schema import InitConfig
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel


def draw_cell(init: InitConfig, cell_class: type[Cell], options: dict[str, Any], input_size: int, size: int) -> Cell:
    """A cell whose weights start as `init` says. With `start=torch` a seed gives the weights that it gives torch.nn."""
    before = torch.get_rng_state()
    cell = cell_class(input_size, size, **options)
    if init.start == "torch":
        torch.set_rng_state(before)
    initialise(cell, init)
    return cell


@torch.no_grad()
def initialise(cell: Cell, init: InitConfig, layer: int = 0, layers: int = 1) -> None:
    """Draw the weights of `cell`, in `layer` of `layers`, as `init` says; `default` changes nothing.

    First all weights start as `init.start` says. The other options act on top: weights and biases, separately for the
    block of each gate. Raises ConfigError where weights or all biases are set and the cell is not a GatedCell, and
    where the cell lacks the gate that an option sets.
    """
    if init.start == "published":
        cell.start_as_published(layer, layers)
    elif init.start == "torch":
        cell.start_as_torch()
    if replace(init, start="default", forget_bias=None, chrono=None) != InitConfig():
        _draw(cell, init)
    if init.forget_bias is not None:
        cell.set_forget_bias(init.forget_bias)
    if init.chrono is not None:
        _set_chrono_biases(cell, init.chrono)


def initialise_layers(model: nn.Module, init: InitConfig) -> None:
    """Draw the cells of a deep model again where a published start depends on a cell's layer."""
    for stack in (module for module in model.modules() if isinstance(module, SequenceModel)):
        cells, layers = stack.cells, len(stack.layers)
        for i, cell in enumerate(cells):  # two for each layer where it is bidirectional
            initialise(cell, init, i * layers // len(cells), layers)


def _draw(cell: Cell, init: InitConfig) -> None:
    if not isinstance(cell, GatedCell):
        raise ConfigError(
            f"init: {type(cell).__name__} is not a gated cell, and draws its own weights; choose init=default"
        )
    for kind, weight in ((init.input, cell.weight_ih), (init.recurrent, cell.weight_hh)):
        for block in weight.split(cell.hidden_size):
            _DRAW[kind](block, init)
    if init.bias == "zero":
        for bias in (cell.bias_ih, cell.bias_hh):
            if bias is not None:
                bias.zero_()


_DRAW: dict[str, Callable[[Tensor, InitConfig], object]] = {
    "default": lambda block, init: None,
    "xavier": lambda block, init: nn.init.xavier_uniform_(block, init.gain),
    "he": lambda block, init: nn.init.kaiming_normal_(block).mul_(init.gain),
    "orthogonal": lambda block, init: nn.init.orthogonal_(block, init.gain),
    "normal": lambda block, init: block.normal_(0, init.sigma),
    "identity": lambda block, init: nn.init.eye_(block).mul_(init.gain),
}


def _set_chrono_biases(cell: Cell, longest: int) -> None:
    """Biases b = log u with u uniform in [1, longest - 1], so that gates forget after 1 to `longest` steps.

    A constant of the cell's own in that gate is a part of b. A separate input gate gets -b; all other biases are 0.
    Raises ConfigError for a cell without such a gate.
    """
    if not isinstance(cell, GatedCell) or cell.keeps is None or cell.bias_ih is None:
        name = type(cell).__name__
        raise ConfigError(f"init.chrono: {name} has no gate with two biases that keeps its state; set init.chrono=null")
    cell.bias_ih.zero_()
    cell.bias_hh.zero_()
    of_gates = cell.bias_ih.view(cell.blocks, -1)
    of_gates[cell.keeps] = torch.empty(cell.hidden_size).uniform_(1, longest - 1).log()
    if cell.writes is not None:
        of_gates[cell.writes] = -of_gates[cell.keeps]
    of_gates[cell.keeps] -= cell.keeps_constant
