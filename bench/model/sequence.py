"""The model around a cell: encoder, layers and head; they are the same for every cell, so that cells compare."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Batch, Cell, State, TaskSpec, Tokens, Unroll, map_state
from bench.errors import ConfigError
from bench.model.around import Around
from bench.model.layer import Layer, MakeCell, Through
from bench.model.noise import NoisyCell
from bench.model.norm import make_norm
from bench.model.passage import Passage, dropout
from bench.unroll.agreement import PIECE
from bench.unroll.forms import Form, Mode, choose, over_symbols
from bench.unroll.generated import KernelUnroll

_NOTHING = Around()


class OneHot(nn.Module):
    """Symbols `[T, B]` as one-hot vectors `[T, B, V]`; the cell's input weights then act as an embedding."""

    table_VV: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("table_VV", torch.eye(size), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return F.embedding(tokens, self.table_VV)


class SequenceModel(nn.Module):
    """Encoder -> `layers` layers -> head. A layer is a cell and the parts `around` it, of width `hidden`.

    `embedding` is the width of a learned embedding of symbols; 0 means one-hot vectors. Feature inputs go to the first
    cell unchanged. With `around.pre_norm` the last layer's output is normalised, too. A spec without outputs gives a
    model without a head. `input_dropout` is the share of the first cell's inputs dropped in training. `tie` shares one
    matrix between embedding and head (Press & Wolf, EACL 2017; Inan et al., ICLR 2017). The model does not store its
    state: methods take and return a tuple of one state for each layer.

    Raises ConfigError if `tie` is set but embedding and head differ in shape or do not exist.
    """

    like: Tensor
    """An empty tensor with the dtype and device of the weights."""
    form: Form
    """What `choose_unroll` chose."""

    def __init__(
        self,
        spec: TaskSpec,
        make_cell: MakeCell,
        hidden: int,
        layers: int = 1,
        embedding: int = 0,
        around: Around = _NOTHING,
        input_dropout: float = 0.0,
        tie: bool = False,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("like", torch.empty(0), persistent=False)
        self.step_inputs = spec.inputs
        self.encoder: nn.Module
        if not isinstance(spec.inputs, Tokens):
            self.encoder, width = nn.Identity(), spec.inputs.size
        elif embedding:
            self.encoder, width = nn.Embedding(spec.inputs.size, embedding), embedding
        else:
            self.encoder, width = OneHot(spec.inputs.size), spec.inputs.size
        self.bidirectional, self.width = bidirectional, 2 * hidden if bidirectional else hidden
        stack = nn.ModuleList()
        for i in range(layers):
            aligned = i < layers - 1 or spec.reads != "last_step"
            stack.append(Layer(make_cell, self.width if i else width, hidden, around, bidirectional, aligned))
        self.layers = cast(Sequence[Layer], stack)  # a ModuleList does not tell type checkers the type of its modules
        self.input_dropout, self.variational = input_dropout, around.variational
        self.head = nn.Linear(self.width, spec.outputs) if spec.outputs else nn.Identity()
        self.norm = make_norm(around.pre_norm if spec.outputs else "none", self.width)
        if tie:
            self._tie()
        self._unrolls: list[list[Unroll]] = []
        self._over_symbols: KernelUnroll | None = None

    def _tie(self) -> None:
        if not isinstance(self.encoder, nn.Embedding) or not isinstance(self.head, nn.Linear):
            raise ConfigError(
                "model.tie=true needs a task whose inputs and outputs are symbols, and model.embedding above 0"
            )
        if self.encoder.weight.shape != self.head.weight.shape:
            (symbols, width), outputs = self.encoder.weight.shape, self.head.out_features
            raise ConfigError(
                f"model.tie=true: the embedding is {symbols} symbols by {width}, the head {outputs} by {self.width}; "
                "tying needs the same symbols as inputs and outputs, and model.embedding equal to model.hidden"
            )
        self.encoder.weight = self.head.weight  # the head's initial weights are smaller, which suits logits

    @property
    def cells(self) -> list[Cell]:
        """The cells from input to head, without the parts around them; both of a bidirectional layer."""
        return [cell.cell if isinstance(cell, NoisyCell) else cell for layer in self.layers for cell in layer.both]

    @property
    def unrolls(self) -> list[Unroll]:
        """The forms over time of the cells, in the order of `cells`."""
        return [unroll for of_layer in self._unrolls for unroll in of_layer]

    @property
    def parts(self) -> list[SequenceModel]:
        """The models whose cells go through time: this one."""
        return [self]

    def choose_unroll(self, mode: Mode, steps: int = PIECE, precision: str | None = None, trained: float = 0) -> str:
        """Choose how the cells are unrolled over time, and return the name of the form, which is that of all cells.

        Call it after the model is moved to its device. The arguments are those of `bench.unroll.forms.choose`. Raises
        ConfigError if a cell has no form of that name, or one that differs from its steps; with `auto` all cells then
        take another, and `form` says why.
        """
        cells = [cell for part in self.parts for layer in part.layers for cell in layer.both]
        self.form = choose(cells, mode, steps, precision, trained)
        following = iter(self.form.unrolls)
        for part in self.parts:
            part._unrolls = [[next(following) for _ in layer.both] for layer in part.layers]
            reads_symbols = isinstance(part.step_inputs, Tokens) and part.layers[0].is_bare
            part._over_symbols = over_symbols(part._unrolls[0][0], steps) if reads_symbols else None
        return self.form.name

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """Every layer's state before the first step, for `batch_size` lanes."""
        return tuple(layer.initial_state(batch_size, like=self.like) for layer in self.layers)

    def carry(self, state: tuple[State, ...] | None, fresh: Tensor) -> tuple[State, ...]:
        """The state to begin a batch with: `state` detached from its graph, and the initial state in `fresh [B]` lanes.

        Raises ValueError if lanes continue from a batch with another number of lanes.
        """
        flags = fresh.tolist()
        if state is None or all(flags):
            return self.initial_state(len(fresh))
        if self.bidirectional:
            raise ConfigError(
                "model.bidirectional=true: sequences that go on from batch to batch cannot be read from their end; set "
                "model.bidirectional=false"
            )

        def go_on(old: Tensor) -> Tensor:
            if len(old) != len(fresh):
                raise ValueError(f"lanes continue from a batch of {len(old)} lanes into one of {len(fresh)}")
            return old.detach()

        carried: Any = map_state(go_on, state)
        carried = tuple(layer.with_new_noise(each) for layer, each in zip(self.layers, carried, strict=True))
        if not any(flags):
            return carried

        def reset(old: Tensor, initial: Tensor) -> Tensor:
            mask = fresh.to(old.device).view(-1, *[1] * (old.dim() - 1))
            return torch.where(mask, initial, old)

        return map_state(reset, carried, self.initial_state(len(fresh)))  # type: ignore[return-value]

    def forward(
        self, inputs: Tensor, state: tuple[State, ...], passage: Passage | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[T, B, C]` of inputs `[T, B]` or `[T, B, F]`, and the state after the last step."""
        passage = passage or Passage()
        ways = [layer.over_time(own, passage) for layer, own in zip(self.layers, self._unrolls, strict=True)]
        if (kernels := self._of_symbols()) is None:
            return self._through(self.encode(inputs), state, ways, passage)
        return self._through(inputs, state, [kernels, *ways[1:]], passage)

    def _of_symbols(self) -> Unroll | None:
        """The form of the first cell over symbols that are not made vectors; None where they have to be."""
        if self._over_symbols is None or (self.training and self.input_dropout):
            return None
        encoder = self.encoder
        table_VF = encoder.table_VV if isinstance(encoder, OneHot) else cast(nn.Embedding, encoder).weight
        return partial(self._over_symbols.of_symbols, table_VF)

    def predict(self, batch: Batch, state: tuple[State, ...], known: int = 0) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[T, B, C]` for a batch on the model's device, and the state after it.

        An earlier window has been through the first `known` time steps: running statistics have counted them.
        """
        return self(batch.inputs, state, Passage(batch.lengths, known))

    def encode(self, inputs: Tensor) -> Tensor:
        """Symbols as vectors; features in the dtype of the weights."""
        return self.encoder(inputs.to(self.like.dtype) if inputs.is_floating_point() else inputs)

    def step(self, inputs: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """One time step of streaming inference: logits `[B, C]` of inputs `[B]` or `[B, F]`, and the next state.

        Raises ConfigError for a bidirectional model.
        """
        return self.step_encoded(self.encode(inputs), state)

    def step_encoded(self, x: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """`step` of inputs that the encoder has made vectors `[B, W]`."""
        self.refuse_single_steps()
        return self._through(x, state, [layer.cell.step for layer in self.layers], Passage())

    def refuse_single_steps(self) -> None:
        """Raise ConfigError where the model goes no single steps."""
        if self.bidirectional:
            raise ConfigError(
                "a bidirectional model reads whole sequences, its second cell from their end, and goes no single "
                "steps: choose a run with model.bidirectional=false"
            )

    def _through(
        self, x: Tensor, state: tuple[State, ...], ways: Sequence[Through], passage: Passage
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Logits and the last state of encoded inputs; `ways` run the layers' cells over them."""
        x, last = self._through_layers(x, state, ways, passage)
        return self.head(x), last

    def _through_layers(
        self, x: Tensor, state: tuple[State, ...], ways: Sequence[Through], passage: Passage
    ) -> tuple[Tensor, tuple[State, ...]]:
        """What the head reads, and every layer's last state."""
        last: list[State] = []
        if self.training:
            x = dropout(x, self.input_dropout, passage if self.variational else None)
        for i, (layer, layer_state, through) in enumerate(zip(self.layers, state, ways, strict=True)):
            x, layer_state = layer(x, layer_state, through, passage, str(i))
            last.append(layer_state)
        return x if self.norm is None else self.norm(x, None), tuple(last)
