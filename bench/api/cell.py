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
    """Apply `function` to every tensor of `state`, together with the tensors at the same place in `others`."""
    if isinstance(state, Tensor):
        return function(state, *others)
    parts = [map_state(function, *same_place) for same_place in zip(_parts(state), *others, strict=True)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state, in the order of `map_state`."""
    return [state] if isinstance(state, Tensor) else [leaf for part in _parts(state) for leaf in leaves(part)]


def _parts(state: object) -> tuple[State, ...] | list[State]:
    """The parts of a state that is no tensor. Raises TypeError for what has none, such as a dict of tensors."""
    if not isinstance(state, tuple | list):
        raise TypeError(f"a state is a tensor or a (named) tuple of states, not {type(state).__name__}")
    return state


class Cell(nn.Module, ABC):
    """A recurrent cell: how one time step turns an input and a state into an output and the next state.

    Constructors take `input_size, hidden_size` first, then the cell's own options. The module keeps nothing that
    changes from step to step: that belongs in the state.
    """

    input_size: int
    hidden_size: int
    unroll: Unroll | None = None
    """The cell's own form over a whole sequence; None where it has none. Such a cell defines the method
    `unroll(self, x_TBF, state)`, which must equal a loop of `step`. A subclass drops an inherited one by
    `unroll = None`.
    """
    receptive_field: int | None = None
    """The largest number of inputs, the present one included, that an output depends on; None for no limit."""
    published_block: ClassVar[str | None] = None
    """The preset `block=NAME` of the block in which the cell is published; None where it is published bare."""
    is_block: ClassVar[bool] = False
    """Whether the cell brings norms and residual paths of its own, so that it refuses to stand in a block."""
    undecayed: ClassVar[tuple[str, ...]] = ()
    """Names of parameters with a number for each unit or state, such as poles, step sizes or peepholes. They map
    nothing, and `optimizer.decay=matrices` leaves them alone, whatever their shape, as it does vectors.
    """
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Laws of `bench check` that the cell breaks for a good reason, by name, with the reason."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    @abstractmethod
    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """The state before the first step: tensors `[B, ...]` with the dtype and device of `like`."""

    @abstractmethod
    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step: inputs `[B, F]` and a state to outputs `[B, H]` and the next state."""

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """Leave out linear maps that the block around the cell repeats. The layer calls it once, on a new cell.

        input_map    the block has a linear map in front of the cell, to the cell's width
        output_map   the block has a linear map behind the cell
        gate         the block multiplies the cell's output by a gate, which reads the block's input

        By default the cell leaves out nothing. Where it leaves out its output map, `hidden_size` becomes the width of
        the outputs without it.
        """
        return

    def start_as_published(self, layer: int = 0, layers: int = 1) -> None:
        """Draw the weights as the paper's released code does, for `init=published`, from torch's global generator.

        `layer` counts the model's `layers` from 0. By default nothing changes: the constructor draws as published. A
        cell whose constructor draws otherwise overrides this method.
        """
        return

    def start_as_torch(self) -> None:
        """Draw the weights as torch.nn does, for `init=torch`. Raises ConfigError: torch.nn has gated cells alone."""
        raise ConfigError(f"init.start=torch: {type(self).__name__} is not a gated cell; choose init=default")

    def after_update(self) -> None:
        """Bring parameters back to where they must stay, such as below a bound. Called after each update of weights.

        A bound belongs here and not into the equation: a parameter that the equation clamps gets no gradient beyond
        its bound, and never returns.
        """
        return

    def set_forget_bias(self, value: float) -> None:
        """Set the bias of the forget gate to `value`, as `init.forget_bias` asks.

        The forget gate keeps the old state where it is open. Called once, after all weights are drawn; changes no other
        parameter. A cell with such a gate overrides this method. Raises ConfigError where the cell has none.
        """
        name = type(self).__name__
        raise ConfigError(f"init.forget_bias={value}: {name} has no gate with a bias that keeps its state; set null")


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
    """The block of the gate that keeps the old state where it is open; None without one. For `init.forget_bias`."""
    keeps_constant: float = 0.0
    """What `gates` itself adds to the block `keeps`; biases that are set at the start leave it out of theirs."""
    apart: ClassVar[bool] = True
    """Whether each state means something by itself. False where states are parts of one value, such as a number and its
    scale: `model.zoneout`, which keeps one and replaces another, is then refused.
    """
    writes: int | None = None
    """The block of the gate that lets new content in; None without a separate one. For `init.chrono`."""

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
        """Register further parameters of `gates`; the constructor calls this before it draws all parameters."""
        return

    def reset_parameters(self) -> None:
        """Draw all parameters again from torch's global generator, by default as torch.nn does."""
        self.start_as_torch()

    def start_as_torch(self) -> None:
        """All parameters uniform in +-1/sqrt(H), as in torch.nn's recurrent layers."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    @abstractmethod
    def gates(self, x_proj: Tensor, h_proj: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The equation: from projections `[B, G*H]` and states `[B, H]` the next states `[B, H]`, in order, h first."""

    def set_forget_bias(self, value: float) -> None:
        """Set the two biases of the block `keeps` to `value` (less `keeps_constant`) and 0.

        Raises ConfigError where there are none.
        """
        if self.keeps is None or self.bias_ih is None:
            super().set_forget_bias(value)
        else:
            nn.init.constant_(self.bias_ih.view(self.blocks, -1)[self.keeps], value - self.keeps_constant)
            nn.init.zeros_(self.bias_hh.view(self.blocks, -1)[self.keeps])

    def vendor(self) -> nn.RNNBase | None:
        """A one-layer torch.nn layer of the same equation and parameter layout; None where torch.nn has none."""
        return None

    def project(self, x_BF: Tensor) -> Tensor:
        """x_proj, the input's map: `[B, G*H]` for one step `[B, F]`, `[T, B, G*H]` for all steps `[T, B, F]`."""
        return F.linear(x_BF, self.weight_ih, self.bias_ih)

    def step_projected(self, x_proj: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step from a projected input `[B, G*H]`: outputs `[B, H]` and the next state."""
        h_proj = F.linear(state[0], self.weight_hh, self.bias_hh)
        new = self.gates(x_proj, h_proj, *state)
        new = (new,) if isinstance(new, Tensor) else tuple(new)
        return new[0], new

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """Zeros `[B, H]` for every state."""
        return tuple(like.new_zeros(batch_size, self.hidden_size) for _ in self.states)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        return self.step_projected(self.project(x_BF), state)
