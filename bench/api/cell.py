"""The contract of a recurrent cell: its state, its step, and a gated cell's equation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import ConfigError

State = Tensor | tuple[Any, ...]
"""What a cell carries through time: a tensor `[B, ...]`, or a (named) tuple of such states."""


class Unroll(Protocol):
    """A cell over a whole sequence."""

    def __call__(self, x_TBF: Tensor, state: State, /) -> tuple[Tensor, State]:
        """Outputs `[T, B, H]` and the last state, of inputs `[T, B, F]` and the state before the first."""


def map_state(function: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply `function` to every tensor of `state`, side by side with the same places of `others`."""
    if isinstance(state, Tensor):
        return function(state, *others)
    parts = [map_state(function, *same_place) for same_place in zip(state, *others, strict=True)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state, in the order in which `map_state` comes to them."""
    return [state] if isinstance(state, Tensor) else [leaf for part in state for leaf in leaves(part)]


class Cell(nn.Module, ABC):
    """A recurrent cell: how one time step turns an input and a state into an output and the next state.

    Constructors take `input_size, hidden_size` first, then the cell's own options. Nothing that changes with time is
    kept on the module.
    """

    input_size: int
    hidden_size: int
    unroll: Unroll | None = None
    """The cell's own form over a whole sequence; None where it has none. A cell that has one defines the method
    `unroll(self, x_TBF, state)`, which must equal stepping. A subclass drops an inherited one by `unroll = None`.
    """
    receptive_field: int | None = None
    """How many inputs, the present one included, an output depends on at most; None where there is no limit."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Laws of `bench check` that the cell rightly does not keep, with the reasons."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    @abstractmethod
    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """The state before the first step, `[B, ...]` each, with the dtype and device of `like`."""

    @abstractmethod
    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step: output `[B, H]` and the next state."""

    def set_forget_bias(self, value: float) -> None:
        """Set the bias of the gate that keeps the old state where it is open, as `init.forget_bias` asks.

        It is called once, after all weights are drawn, and changes no other parameter. A cell with such a gate
        overrides it. Raises ConfigError where the cell has none.
        """
        name = type(self).__name__
        raise ConfigError(f"init.forget_bias: {name} has no gate with a bias that keeps its state; set null")


class GatedCell(Cell):
    """A cell given by one element-wise equation over two linear maps, which the harness owns:

        x_proj = W_ih x + b_ih        h_proj = W_hh h + b_hh        both [B, G*H]

    A subclass sets `blocks` (G) and `states` and writes only `gates`. The first state is the output h. Parameters
    are named, laid out and by default initialised as in torch.nn's recurrent layers: uniform in +-1/sqrt(H). An
    equation with parameters of its own (peepholes, gains) registers them in `add_parameters`.
    """

    blocks: int
    states: ClassVar[tuple[str, ...]] = ("h",)
    keeps: int | None = None
    """The block of the gate that keeps the old state where it is open, if there is one (`init.forget_bias`)."""
    writes: int | None = None
    """The block of the gate that lets the new in, where that is one of its own (`init.chrono`)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        width = self.blocks * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(width, input_size))
        self.weight_hh = nn.Parameter(torch.empty(width, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(width))
        self.bias_hh = nn.Parameter(torch.empty(width))
        self.add_parameters()
        self.reset_parameters()

    def add_parameters(self) -> None:
        """Register what `gates` needs beyond the two maps; the constructor calls it before all is drawn."""
        return

    def reset_parameters(self) -> None:
        """Draw all parameters anew from torch's global generator."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    @abstractmethod
    def gates(self, x_proj: Tensor, h_proj: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The equation: projections `[B, G*H]` and states `[B, H]` to the next states `[B, H]`, in order, h first."""

    def set_forget_bias(self, value: float) -> None:
        """The two biases of the block `keeps` become `value` and 0. Raises ConfigError where there are none."""
        if self.keeps is None or self.bias_ih is None:
            super().set_forget_bias(value)
        else:
            nn.init.constant_(self.bias_ih.view(self.blocks, -1)[self.keeps], value)
            nn.init.zeros_(self.bias_hh.view(self.blocks, -1)[self.keeps])

    def vendor(self) -> nn.RNNBase | None:
        """A one-layer torch.nn layer that computes this very equation from the same parameters, where there is one."""
        return None

    def project(self, x_BF: Tensor) -> Tensor:
        """The input's share of the gates, for one step `[B, F]` or for all at once `[T, B, F]`."""
        return F.linear(x_BF, self.weight_ih, self.bias_ih)

    def advance(self, x_proj: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step from an input that is projected already."""
        h_proj = F.linear(state[0], self.weight_hh, self.bias_hh)
        new = self.gates(x_proj, h_proj, *state)
        new = (new,) if isinstance(new, Tensor) else tuple(new)
        return new[0], new

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """Zeros `[B, H]` for every state."""
        return tuple(like.new_zeros(batch_size, self.hidden_size) for _ in self.states)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        return self.advance(self.project(x_BF), state)
