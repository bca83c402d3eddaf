"""Noise on a gated cell's state in training: zoneout and recurrent dropout."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.api import Cell, GatedCell, State, map_state
from bench.errors import ConfigError


class NoisyCell(Cell):
    """A gated cell that in training keeps a part of its old state, or drops a part of h before the product with W_hh.

    zoneout: probability that a unit of a state keeps its old value; evaluation takes the mean of old and new value,
        weighted by it (Krueger et al., "Zoneout", ICLR 2017).
    dropout: share of h dropped before W_hh, with one mask for a whole batch or window; the other units are scaled up
        (Gal & Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016).

    The state is a pair of the cell's state and the mask `[B, H]`, which is drawn at the start of a batch or window. All
    parameters belong to the cell. Raises ConfigError for a cell that is not a GatedCell or overrides GatedCell.step,
    and for zoneout of states that are not `apart`.
    """

    def __init__(self, cell: Cell, zoneout: float, dropout: float) -> None:
        super().__init__(cell.input_size, cell.hidden_size)
        if not isinstance(cell, GatedCell) or type(cell).step is not GatedCell.step:
            raise ConfigError(
                f"model.zoneout={zoneout}, model.recurrent_dropout={dropout}: {type(cell).__name__} is not a plain "
                "gated cell; set both to 0, or choose a gated cell such as vanilla, gru or lstm"
            )
        if zoneout and not cell.apart:
            raise ConfigError(
                f"model.zoneout={zoneout}: {type(cell).__name__} has states that are parts of one value, none of which "
                "may be kept alone; set it to 0, or choose another cell such as lstm or gru"
            )
        self.cell: GatedCell = cell
        self.zoneout, self.dropout = zoneout, dropout

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        mask_BH = like.new_ones(batch_size, self.hidden_size)
        return self.cell.initial_state(batch_size, like), F.dropout(mask_BH, self.dropout, self.training)

    def with_new_mask(self, state: State) -> State:
        """The same state with a new mask."""
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
        return torch.lerp(new.to(old), old, self.zoneout)  # autocast may have made one of them bfloat16
