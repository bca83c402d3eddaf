"""e-prop: influence through a unit's own states alone, so that each weight needs only eligibility traces.

Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass, "A solution to the learning dilemma for recurrent networks
of spiking neurons", Nature Communications 11 (2020).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, GatedCell, State
from bench.model.transition import CellStep, stepped_by, unflatten
from bench.train.gradient.forward import ForwardMode, ForwardState

_MAPS = (("weight_ih", "bias_ih"), ("weight_hh", "bias_hh"))


class EProp(ForwardMode):
    """For gated cells: s_t = gates(W_ih x_t + b_ih, W_hh h_{t-1} + b_hh, s_{t-1}), where s are a unit's K states.

    The gradient through W_hh is left out. The gradient through the direct use of s_{t-1} in `gates` (c of an LSTM,
    z * h of a GRU) is kept. It stays within a unit, since the equation is element-wise. A weight into block g of a unit
    therefore has one trace for each of the unit's states; with a_g = W input + b,

        e_t = D_t e_{t-1} + (ds_t/da_g) * input_t        D_t = ds_t/ds_{t-1} of the unit, [K, K], with all a constant

    The gradient at step t is the gradient within the step plus dL_t/ds_{t-1} e_{t-1}. Within a step it reaches all
    layers and the encoder; from step to step it stays in its layer. For a cell that uses its state only through W_hh,
    such as the vanilla one, this gradient has no memory at all. Needs O(B K W) numbers for W parameters.
    """

    name = "eprop"

    def check(self) -> None:
        if conv := self.model.layers[0].around.conv:
            raise self._refusal(f"with model.conv={conv}, whose past is a state outside the cell", "model.conv=0")
        for cell in self.model.cells:
            plain = isinstance(cell, GatedCell) and type(cell).step is GatedCell.step
            names = {name for name, _ in cell.named_parameters()}
            if not plain or names != {name for pair in _MAPS for name in pair}:
                name = type(cell).__name__
                raise self._refusal(
                    f"{name}, which is not a gated cell with exactly two linear maps (lstm and gru are)"
                )

    def stepping(self) -> AbstractContextManager[None]:
        return stepped_by(self.model, lambda i, cell: _cut(cell))

    def initial_influence(self, batch_size: int, device: torch.device | str) -> State:
        """For each layer and map, the traces of weights and bias, side by side: `[B, K, G, H, inputs + 1]`."""
        return tuple(
            tuple(
                weight.new_zeros(
                    batch_size, len(cell.states), cell.blocks, cell.hidden_size, weight.shape[1] + 1, device=device
                )
                for weight in (cell.weight_ih, cell.weight_hh)
            )
            for cell in self._gated()
        )

    def through_state(self, g_BN: Tensor, influence: State) -> tuple[list[nn.Parameter], list[Tensor]]:
        parameters, gradients = [], []
        of_layers = unflatten(g_BN, self.model.initial_state(1))
        for cell, g, traces in zip(self._gated(), of_layers, influence, strict=True):
            g_BKH = torch.stack(g, 1)
            for names, trace in zip(_MAPS, traces, strict=True):
                both = torch.einsum("bkh,bkghi->ghi", g_BKH, trace).flatten(0, 1)
                parameters += [getattr(cell, name) for name in names]
                gradients += [both[:, :-1], both[:, -1]]
        return parameters, gradients

    def propagate(self, x_B: Tensor, state: tuple[State, ...], influence: State) -> ForwardState:
        seen: list[Tensor] = []

        def watched(i: int, cell: Cell) -> CellStep:
            def step(x_BF: Tensor, layer_state: State) -> tuple[Tensor, State]:
                seen.append(x_BF)
                return type(cell).step(cell, x_BF, layer_state)

            return step

        with torch.no_grad(), stepped_by(self.model, watched):
            _, new = self.model.step(x_B, state)
        layers = zip(self._gated(), seen, state, influence, strict=True)
        return ForwardState(new, tuple(_follow(cell, x_BF, before, traces) for cell, x_BF, before, traces in layers))

    def _gated(self) -> list[GatedCell]:
        return cast(list[GatedCell], list(self.model.cells))


def _cut(cell: Cell) -> CellStep:
    """The cell's step, without the gradient through W_hh."""
    assert isinstance(cell, GatedCell)

    def step(x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        h_proj = F.linear(state[0].detach(), cell.weight_hh, cell.bias_hh)
        new = cell.gates(cell.project(x_BF), h_proj, *state)
        new = (new,) if isinstance(new, Tensor) else tuple(new)
        return new[0], new

    return step


def _follow(cell: GatedCell, x_BF: Tensor, state: State, traces: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The traces after one more step of `cell`, unit by unit, since the equation is element-wise."""
    with torch.no_grad():
        projections = [cell.project(x_BF), F.linear(state[0], cell.weight_hh, cell.bias_hh)]
    inputs = [tensor.requires_grad_() for tensor in (*projections, *(s.detach().clone() for s in state))]
    new = cell.gates(*inputs)
    new = (new,) if isinstance(new, Tensor) else tuple(new)
    rows = [torch.autograd.grad(s.sum(), inputs, retain_graph=True, materialize_grads=True) for s in new]
    by_x, by_h, *by_state = (torch.stack(row, 1) for row in zip(*rows, strict=True))  # [B, K, G*H] and [B, K, H]
    D_BKKH = torch.stack(by_state, 2)
    followed = []
    for trace, by_map, read in zip(traces, (by_x, by_h), (x_BF, state[0]), strict=True):
        with_one = F.pad(read, (0, 1), value=1.0)
        fresh = torch.einsum("bkgh,bi->bkghi", by_map.unflatten(2, (cell.blocks, -1)), with_one)
        followed.append(fresh.add_(torch.einsum("bklh,blghi->bkghi", D_BKKH, trace)))
    return tuple(followed)
