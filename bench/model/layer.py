"""A layer: a cell, and the optional parts around it; they are the same for every cell, so that cells compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State, Unroll
from bench.errors import ConfigError
from bench.model.around import Around
from bench.model.bidirectional import both_ways, mean_of
from bench.model.conv import ShortConv
from bench.model.mlp import make_mlp
from bench.model.noise import NoisyCell
from bench.model.norm import make_norm
from bench.model.passage import Passage, dropout

MakeCell = Callable[[int, int], Cell]
"""Builds the cell of a layer from `input_size, hidden_size`."""

Through = Callable[[Tensor, State], tuple[Tensor, State]]
"""Runs a cell over inputs of one time step or of several: inputs and a state to outputs and the next state."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu}


class LayerState(NamedTuple):
    """The state of a layer with a convolution or a norm for each time step; else the layer's state is `own` alone."""

    own: State
    """The cell's own state."""
    past: Any = ()
    """The last inputs of the convolution, `[B, conv - 1, C]`."""
    steps: Any = ()
    """The number of time steps so far, `[B, 1]`."""


class Layer(nn.Module):
    """The cell f over time, with the parts that `around` switches on (`bench.model.around`), of width `size`:

        n = pre_norm(x)                           u = act(conv(W_in n))
        y = norm(f(u)) + skip * u                 y = W_out (y * act(W_gate n))
        y = x + dropout(y)                        y = y + dropout(mlp(pre_norm'(y)))

    Without pre_norm, `norm` also normalises the perceptron's output, so that the layer's input may have any width
    (res-post-norm: Liu et al., "Swin Transformer V2", CVPR 2022). With it, an input of another width than `size` is
    mapped to it first. A cell leaves out linear maps of its own that the layer repeats (`Cell.leave_to_block`). Raises
    ConfigError for parts that do not fit the cell.

    A `bidirectional` layer has a second cell of the same width, and the layer's outputs and all parts after the cells
    are twice as wide as `size` (`bench.model.bidirectional`, which also says what `aligned` means).
    """

    def __init__(
        self,
        make_cell: MakeCell,
        input_size: int,
        size: int,
        around: Around,
        bidirectional: bool = False,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.around, self.aligned = around, aligned
        directions = 2 if bidirectional else 1
        of_a_cell, size = size, directions * size
        has_maps = around.expand > 0
        self.counts_steps = around.norm == "batch_per_step"
        entered = size if around.pre_norm != "none" else input_size
        width = around.cell_width(of_a_cell)
        cells = [make_cell(width if has_maps else entered, width) for _ in range(directions)]
        has_out = has_maps or around.out_projection
        for each in cells:
            each.leave_to_block(input_map=has_maps, output_map=has_out, gate=around.gate)
        cell, noise = cells[0], (around.zoneout, around.recurrent_dropout)
        noisy = [NoisyCell(each, *noise) if any(noise) else each for each in cells]
        self.cell, self.back = noisy[0], noisy[1] if bidirectional else None
        wide = directions * cell.hidden_size
        self.gate, self.activation = None, _ACTIVATIONS[around.gate_activation]
        if around.gate:
            self.gate = nn.Linear(entered, wide)
        self.norm = make_norm(around.norm, wide, directions * getattr(cell, "heads", 1))
        self.adds_input = around.residual and entered == size
        self.mlp, self.mlp_norm = None, None
        if around.mlp:
            self.mlp = make_mlp(around.mlp_kind, size, round(around.mlp * size))
            self.mlp_norm = make_norm(around.norm if around.pre_norm == "none" else around.pre_norm, size)
        self.widen = nn.Linear(input_size, size) if entered != input_size else None
        self.pre_norm = make_norm(around.pre_norm, size)
        self.enter = nn.Linear(entered, width, bias=False) if has_maps else None
        self.conv = ShortConv(cell.input_size, around.conv, around.conv_activation) if around.conv else None
        self.skip = nn.Parameter(torch.ones(wide)) if around.skip else None
        self.out = nn.Linear(wide, size, bias=False) if has_out else None
        self._refuse_what_does_not_fit(cell)

    def _refuse_what_does_not_fit(self, cell: Cell) -> None:
        name, around = type(cell).__name__, self.around
        if cell.is_block and around.pre_norm != "none":
            raise ConfigError(
                f"model.pre_norm={around.pre_norm}: {name} is a block of its own, with norms, residual paths and a "
                "perceptron; choose block=bare, or another cell (cell=attention in block=transformer is its equal)"
            )
        if around.skip and cell.input_size != cell.hidden_size:
            raise ConfigError(
                f"model.skip=true: {name} maps {cell.input_size} inputs to {cell.hidden_size} outputs, and there is "
                "no sum of them; set model.expand, or model.skip=false"
            )

    @property
    def both(self) -> list[Cell]:
        """The cell, and the second one of a bidirectional layer."""
        return [self.cell] if self.back is None else [self.cell, self.back]

    @property
    def is_bare(self) -> bool:
        """Whether the layer's input goes into its one cell as it is, and nowhere else."""
        read_by = (self.back, self.widen, self.pre_norm, self.enter, self.conv, self.skip, self.gate)
        return not (self.adds_input or self.counts_steps or any(each is not None for each in read_by))

    def over_time(self, unrolls: Sequence[Unroll], passage: Passage) -> Unroll:
        """The form over time of the layer's cells, whose own ones are `unrolls`."""
        return unrolls[0] if self.back is None else both_ways(unrolls[0], unrolls[1], passage, self.aligned)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """The cell's initial state, in a LayerState where the layer has one of its own; a pair where there are two."""
        each = tuple(cell.initial_state(batch_size, like) for cell in self.both)
        own = each[0] if self.back is None else each
        if self.conv is None and not self.counts_steps:
            return own
        past = () if self.conv is None else self.conv.initial_state(batch_size, like)
        return LayerState(own, past, like.new_zeros(batch_size, 1) if self.counts_steps else ())

    def from_step_zero(self, state: State) -> State:
        """The same state, with its count of time steps set to 0."""
        return state._replace(steps=torch.zeros_like(state.steps)) if self.counts_steps else state  # type: ignore

    def starting_from(self, start: State, read: State) -> State:
        """The layer's initial state `start`, with the mean of the two cells' states of a bidirectional layer that has
        `read` as the cell's own. A mask of noise stays as it is.
        """
        own, (ahead, back) = (each.own if isinstance(each, LayerState) else each for each in (start, read))
        if isinstance(self.cell, NoisyCell):
            own = mean_of(own[0], ahead[0], back[0]), own[1]
        else:
            own = mean_of(own, ahead, back)
        return start._replace(own=own) if isinstance(start, LayerState) else own

    def with_new_noise(self, state: State) -> State:
        """The same state with a new mask of recurrent dropout; else an endless stream would keep its first mask."""
        if not isinstance(self.cell, NoisyCell):
            return state
        if isinstance(state, LayerState):
            return state._replace(own=self.cell.with_new_mask(state.own))
        return self.cell.with_new_mask(state)

    def forward(
        self, x: Tensor, state: State, through: Through, passage: Passage | None = None, place: str = ""
    ) -> tuple[Tensor, State]:
        """Outputs `[T, B, H]` and the last state of inputs `[T, B, F]`; or of one step, without T.

        `place` tells the layers of a model apart, so that each has its own masks in the `passage`.
        """
        passage = passage or Passage()
        own, past, steps = state if isinstance(state, LayerState) else LayerState(state)
        x = x if self.widen is None else self.widen(x)
        n = x if self.pre_norm is None else self.pre_norm(x, None)
        u = n if self.enter is None else self.enter(n)
        if self.conv is not None:
            u, past = self.conv(u, past)
        y, own = through(u, own)
        if self.norm is not None:
            y = self.norm(y, steps, passage)
        if self.skip is not None:
            y = y + self.skip * (u if self.back is None else torch.cat([u, u], -1))
        if self.gate is not None:
            y = y * self.activation(self.gate(n))
        y = self._drop(y if self.out is None else self.out(y), passage, f"{place}.cell")
        y = x + y if self.adds_input else y
        if self.mlp is not None:
            y = y + self._drop(self._perceptron(y, steps, passage), passage, f"{place}.mlp")
        if not isinstance(state, LayerState):
            return y, own
        return y, LayerState(own, past, steps + (len(x) if x.dim() == 3 else 1) if self.counts_steps else ())

    def _perceptron(self, y: Tensor, steps: Tensor, passage: Passage) -> Tensor:
        assert self.mlp is not None
        if self.mlp_norm is None:
            return self.mlp(y)
        if self.pre_norm is None:
            return self.mlp_norm(self.mlp(y), steps, passage)
        return self.mlp(self.mlp_norm(y, steps, passage))

    def _drop(self, y: Tensor, passage: Passage, place: str) -> Tensor:
        if not self.training:
            return y
        return dropout(y, self.around.dropout, passage if self.around.variational else None, place)
