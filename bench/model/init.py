"""Initialisation of a gated cell's weights, after its constructor has drawn its own.

Xavier: Glorot & Bengio, AISTATS 2010. He: He et al., ICCV 2015. Orthogonal: Saxe, McClelland & Ganguli, ICLR 2014.
Identity: Le, Jaitly & Hinton, arXiv:1504.00941 (2015). Chrono: Tallec & Ollivier, "Can recurrent neural networks warp
time?", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.api import Cell, GatedCell
from bench.config.schema import InitConfig
from bench.errors import ConfigError


@torch.no_grad()
def initialise(cell: Cell, init: InitConfig) -> None:
    """Draw the weights of `cell` as `init` says, separately for the block of each gate; `default` changes nothing.

    Raises ConfigError for a cell that is not a GatedCell, for a cell without the gate that an option sets, and if both
    forget_bias and chrono are set.
    """
    if init == InitConfig():
        return
    if init.forget_bias is not None and init.chrono is not None:
        raise ConfigError(
            f"init.forget_bias={init.forget_bias:g}, init.chrono={init.chrono}: both set the same bias; set one to null"
        )
    if not isinstance(cell, GatedCell):
        raise ConfigError(
            f"init: {type(cell).__name__} is not a gated cell, and draws its own weights; choose init=default"
        )
    for kind, weight in ((init.input, cell.weight_ih), (init.recurrent, cell.weight_hh)):
        for block in weight.split(cell.hidden_size):
            _DRAW[kind](block, init)
    biases = [bias for bias in (cell.bias_ih, cell.bias_hh) if bias is not None]
    if init.bias == "zero":
        for bias in biases:
            bias.zero_()
    if init.forget_bias is not None:
        keep = _gate(cell, "forget_bias", len(biases))
        cell.bias_ih[keep], cell.bias_hh[keep] = init.forget_bias, 0.0
    if init.chrono is not None:
        _chrono(cell, init.chrono, _gate(cell, "chrono", len(biases)))


_DRAW: dict[str, Callable[[Tensor, InitConfig], object]] = {
    "default": lambda block, init: None,
    "xavier": lambda block, init: nn.init.xavier_uniform_(block, init.gain),
    "he": lambda block, init: nn.init.kaiming_normal_(block).mul_(init.gain),
    "orthogonal": lambda block, init: nn.init.orthogonal_(block, init.gain),
    "normal": lambda block, init: block.normal_(0, init.sigma),
    "identity": lambda block, init: nn.init.eye_(block).mul_(init.gain),
}


def _gate(cell: GatedCell, option: str, biases: int) -> slice:
    """The rows of the gate that keeps the old state when it is open; ConfigError if the cell has none with a bias."""
    if cell.keeps is None or biases < 2:
        instead = " and cell.forget_bias instead" * hasattr(cell, "forget_bias")
        name = type(cell).__name__
        raise ConfigError(f"init.{option}: {name} has no gate with a bias that keeps its state; set null{instead}")
    return slice(cell.keeps * cell.hidden_size, (cell.keeps + 1) * cell.hidden_size)


def _chrono(cell: GatedCell, longest: int, keep: slice) -> None:
    """Biases b = log u with u uniform in [1, longest - 1], so that gates forget after 1 to `longest` steps.

    A separate input gate gets -b; all other biases are 0.
    """
    cell.bias_ih.zero_()
    cell.bias_hh.zero_()
    cell.bias_ih[keep] = torch.empty(cell.hidden_size).uniform_(1, longest - 1).log()
    if cell.writes is not None:
        write = slice(cell.writes * cell.hidden_size, (cell.writes + 1) * cell.hidden_size)
        cell.bias_ih[write] = -cell.bias_ih[keep]
