"""Noise on what a gated cell remembers, in training: zoneout and recurrent dropout."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.api import Cell, GatedCell, State, map_state
from bench.errors import ConfigError


class NoisyCell(Cell):
    """A gated cell in whose steps, in training, some of the old state stays, or some of h is not heard.

    zoneout: each unit of each state keeps its old value with this probability; in evaluation old and new are mixed in
        this proportion (Krueger et al., "Zoneout", ICLR 2017).
    dropout: the share of h that W_hh does not get, by one mask for a whole batch or window, the rest scaled up (Gal &
        Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NeurIPS 2016).

    The state is the cell's own and the mask `[B, H]`, drawn where a batch or window begins. Parameters are the cell's.
    Raises ConfigError for a cell that is no GatedCell or changes how a GatedCell steps.
    """

    def __init__(self, cell: Cell, zoneout: float, dropout: float) -> None:
        super().__init__(cell.input_size, cell.hidden_size)
        if not isinstance(cell, GatedCell) or type(cell).step is not GatedCell.step:
            raise ConfigError(
                f"model.zoneout={zoneout}, model.recurrent_dropout={dropout}: {type(cell).__name__} is no gated cell "
                "of the plain form; set both to 0, or choose one such as vanilla, gru or lstm"
            )
        self.cell: GatedCell = cell
        self.zoneout, self.dropout = zoneout, dropout

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        mask_BH = like.new_ones(batch_size, self.hidden_size)
        return self.cell.initial_state(batch_size, like), F.dropout(mask_BH, self.dropout, self.training)

    def with_new_mask(self, state: State) -> State:
        """The same state, another mask."""
        inner, mask_BH = state
        return inner, F.dropout(torch.ones_like(mask_BH), self.dropout, self.training)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        old, mask_BH = state
        cell = self.cell
        h_proj = F.linear(old[0] * mask_BH, cell.weight_hh, cell.bias_hh)
        gated = cell.gates(cell.project(x_BF), h_proj, *old)
        new = map_state(self._zone, (gated,) if isinstance(gated, Tensor) else tuple(gated), tuple(old))
        return new[0], (new, mask_BH)

    def _zone(self, new: Tensor, old: Tensor) -> Tensor:
        if not self.zoneout:
            return new
        if self.training:
            return torch.where(torch.rand_like(new) < self.zoneout, old, new)
        return torch.lerp(new, old, self.zoneout)
