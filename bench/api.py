"""All that a plugin imports: the contracts of tasks and cells.

Shape suffixes, here and everywhere: T time, B batch (lanes), F features, H hidden, C classes or outputs, V vocabulary,
G gate blocks times H. Time comes first: `x_TBF`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from bench.errors import DataError

__all__ = [
    "END", "Batch", "Cell", "DataError", "Features", "GatedCell", "Metric", "Split", "State", "Task", "TaskSpec",
    "Tokens", "leaves", "map_state",
]  # fmt: skip

Split = Literal["train", "valid", "test"]

END = 0
"""The target symbol that ends each output of a task that reads a `sequence`; it also starts the decoder."""

State = Tensor | tuple[Any, ...]
"""What a cell carries through time: a tensor `[B, ...]`, or a (named) tuple of such states."""


def map_state(function: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply `function` to every tensor of `state`, side by side with the same places of `others`."""
    if isinstance(state, Tensor):
        return function(state, *others)
    parts = [map_state(function, *same_place) for same_place in zip(state, *others, strict=True)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def leaves(state: State) -> list[Tensor]:
    """The tensors of a state, in the order in which `map_state` comes to them."""
    return [state] if isinstance(state, Tensor) else [leaf for part in state for leaf in leaves(part)]


# Tasks


@dataclass(frozen=True)
class Tokens:
    """Inputs that are symbols: integers in `[0, size)`, shape `[T, B]`."""

    size: int


@dataclass(frozen=True)
class Features:
    """Inputs that are vectors of `size` real numbers, shape `[T, B, F]`."""

    size: int


@dataclass(frozen=True)
class Metric:
    """How a task is scored.

    `chance` is what a predictor that ignores its input gets; `solved` the best possible score, where one is known;
    `baselines` further scores to beat by name, in the metric's unit.
    """

    name: str
    unit: str
    direction: Literal["max", "min"]
    chance: float
    solved: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` beats score `b`; a NaN never does."""
        return a > b if self.direction == "max" else a < b


@dataclass(frozen=True)
class TaskSpec:
    """What a model must know of a task, and what a reader of its scores must know.

    `id` carries a version (`copy-v1`): a change of data or scoring is a new version. `outputs` is the width of the
    model's output. `fingerprint` is a hash of the data for tasks that read some, None for generated ones. A task that
    reads a `sequence` reads a whole one and then writes another, of at most `longest` symbols with their END.
    """

    id: str
    inputs: Tokens | Features
    outputs: int
    reads: Literal["every_step", "last_step", "sequence"]
    metric: Metric
    source: str
    licence: str
    fingerprint: str | None = None
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of sequences, time first.

    inputs:  `[T, B]` int64, or `[T, B, F]` float
    targets: `[T, B]` int64, or `[T, B, C]` float
    weight:  `[T, B]` float; 0 where neither loss nor score looks
    fresh:   `[B]` bool; True where a lane starts a new sequence, so that its state is reset
    lengths: `[B]` int64, the real time steps of each lane, where lanes are padded; None where none is

    Of a task that reads a `sequence`, inputs are `[S, B]` or `[S, B, F]` without padding, targets and weight `[U, B]`
    with each lane's END at its last real step, all lanes fresh, and `lengths` counts steps read and steps written.
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor
    fresh: Tensor
    lengths: Tensor | None = None

    @property
    def tokens(self) -> int:
        """Real (unpadded) time steps in the batch, over all lanes."""
        return self.weight.numel() if self.lengths is None else int(self.lengths.sum())

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; itself where it lies there already."""
        if self.inputs.device == device:
            return self
        parts = (self.inputs, self.targets, self.weight, self.fresh, self.lengths)
        return Batch(*(p if p is None else p.to(device, non_blocking=True) for p in parts))  # type: ignore[arg-type]

    def span(self, start: int, stop: int) -> Batch:
        """Time steps `start` to `stop` of every lane. Only the span at 0 keeps the `fresh` flags."""
        return replace(
            self,
            inputs=self.inputs[start:stop],
            targets=self.targets[start:stop],
            weight=self.weight[start:stop],
            fresh=self.fresh if start == 0 else torch.zeros_like(self.fresh),
            lengths=None if self.lengths is None else (self.lengths - start).clamp(0, stop - start),
        )


class Task(ABC):
    """Data and scoring. A plugin subclasses this; the constructor's arguments are the task's options.

    Options are checked against the constructor's annotations before it is called; whatever else is wrong with them,
    the constructor raises ValueError, and DataError where the data is at fault.
    """

    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Laws of `bench check` that the task rightly does not keep, with the reasons."""

    @property
    @abstractmethod
    def spec(self) -> TaskSpec:
        """What the task is; constant for the life of the object."""

    @abstractmethod
    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """One pass over a split, on the CPU; the same generator state gives the same batches in any process.

        `train` may be endless. `valid` and `test` end, hold the same sequences for every batch size and generator, and
        share none with `train`.
        """

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Unreduced loss `[T, B]` of `logits [T, B, C]`: here the negative log-likelihood of class targets, in nats."""
        flat = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
        return flat.view_as(batch.targets)

    @abstractmethod
    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums and counts over a batch, scalars by name; they add up over batches. Nothing is divided here."""

    def tally_decoded(self, decoded: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The same of what a model wrote by itself, `decoded [U, B]`, where only END follows an END; U is any.

        Asked of tasks that read a `sequence`, beside `tally`, under other names.
        """
        return {}

    @abstractmethod
    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        """Scores by name from a split's totals: the one division. Holds the metric of `spec` by its name."""

    # A task over text also has `encode(text) -> list[int]` and `decode(ids) -> str`, and where its symbols are words
    # `tokens(text) -> list[str]` and `separator`: `bench sample` asks for them.


# Cells


class Cell(nn.Module, ABC):
    """A recurrent cell: how one time step turns an input and a state into an output and the next state.

    Constructors take `input_size, hidden_size` first, then the cell's own options. Nothing that changes with time is
    kept on the module. A cell with a parallel form over time also defines
    `unroll(x_TBF, state) -> (y_TBH, state)`; it must equal stepping.
    """

    input_size: int
    hidden_size: int
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
