"""The model around a cell: encoder, stacked cells with dropout, head; the same for all, so that cells compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Batch, Cell, State, TaskSpec, Tokens, map_state
from bench.unroll import Mode, Unroll, choose

MakeCell = Callable[[int, int], Cell]
"""Builds one layer's cell from `input_size, hidden_size`."""


class OneHot(nn.Module):
    """Symbols `[T, B]` as unit vectors `[T, B, V]`: the cell's input weights are then its embedding."""

    table_VV: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("table_VV", torch.eye(size), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return F.embedding(tokens, self.table_VV)


class SequenceModel(nn.Module):
    """Encoder -> `layers` cells of width `hidden`, dropout before each but the first and before the head -> head.

    `embedding` is the width of a learned embedding of symbols; 0 means one-hot vectors. Feature inputs go to the first
    cell as they are. The model carries no state: it is an argument and a result, one cell state a layer.
    """

    def __init__(
        self,
        spec: TaskSpec,
        make_cell: MakeCell,
        hidden: int,
        layers: int = 1,
        embedding: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder: nn.Module
        if not isinstance(spec.inputs, Tokens):
            self.encoder, width = nn.Identity(), spec.inputs.size
        elif embedding:
            self.encoder, width = nn.Embedding(spec.inputs.size, embedding), embedding
        else:
            self.encoder, width = OneHot(spec.inputs.size), spec.inputs.size
        cells = nn.ModuleList(make_cell(width if i == 0 else hidden, hidden) for i in range(layers))
        self.cells = cast(Sequence[Cell], cells)  # which a ModuleList cannot tell type checkers
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, spec.outputs)
        self._unrolls: list[Unroll] = []

    def choose_unroll(self, mode: Mode) -> str:
        """Choose how the cells are carried through time and return the choice's name; call it on the final device."""
        chosen = [choose(cell, mode) for cell in self.cells]
        self._unrolls = [unroll for _, unroll in chosen]
        return chosen[0][0]

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """Every layer's state before the first step."""
        return tuple(cell.initial_state(batch_size, like=self.head.weight) for cell in self.cells)

    def carry(self, state: tuple[State, ...] | None, fresh: Tensor) -> tuple[State, ...]:
        """The state to begin a batch with: cut from the past's gradient, and initial again where `fresh [B]` says so.

        Raises ValueError where lanes go on from a batch that had another number of lanes.
        """
        flags = fresh.tolist()
        if state is None or all(flags):
            return self.initial_state(len(fresh))

        def go_on(old: Tensor) -> Tensor:
            if len(old) != len(fresh):
                raise ValueError(f"lanes go on from a batch of {len(old)} lanes into one of {len(fresh)}")
            return old.detach()

        carried = map_state(go_on, state)
        if not any(flags):
            return carried  # type: ignore[return-value]

        def reset(old: Tensor, initial: Tensor) -> Tensor:
            mask = fresh.to(old.device).view(-1, *[1] * (old.dim() - 1))
            return torch.where(mask, initial, old)

        return map_state(reset, carried, self.initial_state(len(fresh)))  # type: ignore[return-value]

    def forward(self, inputs: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[T, B, C]` of inputs `[T, B]` or `[T, B, F]`, and the state after the last step."""
        x = self._encode(inputs)
        last = []
        for i, (unroll, layer_state) in enumerate(zip(self._unrolls, state, strict=True)):
            x, layer_state = unroll(self.dropout(x) if i else x, layer_state)
            last.append(layer_state)
        return self.head(self.dropout(x)), tuple(last)

    def predict(self, batch: Batch, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[T, B, C]` for a batch that lies on the model's device, and the state after it."""
        return self(batch.inputs, state)

    def _encode(self, inputs: Tensor) -> Tensor:
        """Symbols as vectors; features in the weights' own type."""
        return self.encoder(inputs.to(self.head.weight.dtype) if inputs.is_floating_point() else inputs)

    def step(self, inputs: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """One time step of streaming inference: logits `[B, C]` of inputs `[B]` or `[B, F]`, and the next state."""
        x = self._encode(inputs)
        last = []
        for cell, layer_state in zip(self.cells, state, strict=True):
            x, layer_state = cell.step(x, layer_state)
            last.append(layer_state)
        return self.head(x), tuple(last)
