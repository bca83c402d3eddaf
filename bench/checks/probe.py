"""A cell under test: building it, and unrolling it over time in each of its forms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.api import Cell, State, Unroll, map_state
from bench.unroll.forms import forms

MakeCell = Callable[[int, int], Cell]
Result = tuple[Tensor, State]
"""Outputs `[T, B, H]` and the last state."""


@dataclass(frozen=True)
class Probe:
    """The cell under test: `make_cell(input_size, hidden_size)` builds it, with these sizes."""

    make_cell: MakeCell
    input_size: int = 3
    hidden_size: int = 8

    def cell(self, dtype: torch.dtype = torch.float32, seed: int = 0) -> Cell:
        """A new cell on the CPU, in evaluation mode, with parameters drawn from `seed`."""
        torch.manual_seed(seed)
        return self.make_cell(self.input_size, self.hidden_size).to(dtype).eval()

    def inputs(self, steps: int, lanes: int, dtype: torch.dtype = torch.float32, seed: int = 1) -> Tensor:
        """Standard normal `[T, B, F]`, the same values for every dtype."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(steps, lanes, self.input_size, generator=generator).to(dtype)

    def oddly_sized(self) -> Probe:
        """The same cell with a hidden size that is no multiple of 8, where it takes one."""
        for more in (5, 4, 2, 1):
            probe = replace(self, hidden_size=self.hidden_size + more)
            with suppress(ValueError, AssertionError):  # as where heads must have equal shares of the units
                probe.cell()
                return probe
        return self

    @torch.no_grad()
    def lived_in(self, cell: Cell, lanes: int, dtype: torch.dtype = torch.float32) -> State:
        """A state from the middle of a sequence: `cell`'s after three steps of random input."""
        x_TBF = self.inputs(3, lanes, dtype, seed=2)
        _, state = step_loop(cell, x_TBF, cell.initial_state(lanes, x_TBF))
        return map_state(Tensor.clone, state)


def step_loop(cell: Cell, x_TBF: Tensor, state: State) -> Result:
    """The oracle: `step` in a loop and nothing else."""
    outputs = []
    for x_BF in x_TBF:
        y_BH, state = cell.step(x_BF, state)
        outputs.append(y_BH)
    return torch.stack(outputs), state


def all_forms(cell: Cell) -> dict[str, Unroll]:
    """The unrollings of `cell` by name, each working on copies of its arguments: a form that writes into its arguments
    then breaks the law against that, and no other.
    """

    def on_copies(form: Unroll) -> Unroll:
        return lambda x_TBF, state: form(x_TBF.clone(), map_state(Tensor.clone, state))

    return {name: on_copies(make()) for name, make in forms(cell).items()}


def with_same_dropout(form: Unroll, x_TBF: Tensor, state: State) -> Result:
    """`form` with the same dropout masks in every call with the same shapes."""
    torch.manual_seed(0)
    return form(x_TBF, state)
