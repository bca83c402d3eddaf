"""The encoder-decoder: one model reads a whole sequence, and a second one writes a sequence from the first one's state.

Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014. The form is that of Sutskever,
Vinyals & Le, "Sequence to sequence learning with neural networks", NeurIPS 2014: the encoder's last state is the
decoder's initial state, and without attention (`bench.model.cross_attention`) the only connection between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from bench.api import END, Batch, State, TaskSpec, Tokens, map_state
from bench.model.cross_attention import CrossAttention, Memory
from bench.model.decode import beam_search
from bench.model.layer import MakeCell, Through
from bench.model.norm import make_norm
from bench.model.passage import Passage
from bench.model.sequence import SequenceModel


class EncoderDecoder(SequenceModel):
    """A decoder that predicts each output symbol from the previous ones, starting from the last state of `reader`.

    The model itself is the decoder: `forward` and `step` take output symbols, the first of which is END. `reader`, the
    encoder, is a model of the same `shape` with its own weights and no head. The last state of each of its layers is
    the initial state of the decoder's layer.

    In training the decoder reads the target's previous symbol (teacher forcing) with probability `teacher_forcing`,
    drawn for every symbol from torch's global generator; otherwise it reads its own most likely symbol (scheduled
    sampling at a constant rate: Bengio et al., NeurIPS 2015). No gradient passes through that choice. `decode` searches
    with a beam of `beam` hypotheses, for at most `spec.longest` symbols.

    `attention` is none or a score of `CrossAttention`, which stands between the decoder's last layer and the head. The
    encoder's outputs are then the last part of the decoder's state; the initial state has none of them.

    With `bidirectional` each layer of the encoder has a second cell that reads from the end. The decoder's layers have
    one cell as always, which starts from the mean of the last states of the two.
    """

    def __init__(
        self,
        spec: TaskSpec,
        make_cell: MakeCell,
        hidden: int,
        *,
        teacher_forcing: float = 1.0,
        beam: int = 1,
        attention: str = "none",
        tie: bool = False,
        bidirectional: bool = False,
        **shape: Any,
    ) -> None:
        super().__init__(replace(spec, inputs=Tokens(spec.outputs)), make_cell, hidden, tie=tie, **shape)
        self.reader = SequenceModel(replace(spec, outputs=0), make_cell, hidden, bidirectional=bidirectional, **shape)
        self.attention = None
        if attention != "none":
            self.attention = CrossAttention(attention, hidden, self.reader.width)
            self.reader.norm = make_norm(self.reader.layers[0].around.pre_norm, self.reader.width)  # as before a head
        self.teacher_forcing, self.beam, self.longest = teacher_forcing, beam, spec.longest

    @property
    def parts(self) -> list[SequenceModel]:
        """The decoder, and the encoder."""
        return [self, self.reader]

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """Every layer's state before the first step; with attention an empty memory, too."""
        state = super().initial_state(batch_size)
        if self.attention is None:
            return state
        nothing_SBH = self.like.new_zeros(0, batch_size, self.reader.width)
        return *state, self.attention.remember(nothing_SBH)

    def read(self, inputs: Tensor, state: tuple[State, ...] | None = None) -> tuple[State, ...]:
        """The decoder's initial state for inputs `[S, B]` or `[S, B, F]`; the encoder starts from `state`, if given."""
        state = self.initial_state(inputs.shape[1]) if state is None else state
        start = state[: len(self.layers)]
        if self.reader.bidirectional:
            outputs_SBH, read = self.reader(inputs, self.reader.initial_state(inputs.shape[1]))
            pairs = zip(self.layers, start, read, strict=True)
            begun = tuple(layer.starting_from(own, of_both) for layer, own, of_both in pairs)
        else:
            one_width = self.layers[0].cell.input_size == self.reader.layers[0].cell.input_size
            begin = start if one_width else fitting(start, self.reader.initial_state(inputs.shape[1]))
            outputs_SBH, read = self.reader(inputs, cast(tuple[State, ...], begin))
            pairs = zip(self.layers, start, read, strict=True)
            begun = tuple(fitting(layer.from_step_zero(each), own) for layer, own, each in pairs)
        return begun if self.attention is None else (*begun, self.attention.remember(outputs_SBH))

    def predict(self, batch: Batch, state: tuple[State, ...], known: int = 0) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[U, B, C]` of each target, given the inputs and the previous targets; and the decoder's last state.

        The encoder starts from `state`.
        """
        state = self.read(batch.inputs, state)
        given_UB = torch.cat([torch.full_like(batch.targets[:1], END), batch.targets[:-1]])
        passage = Passage(None if batch.lengths is None else batch.lengths - len(batch.inputs), known)
        if self.training and self.teacher_forcing < 1:
            return self._take_turns(given_UB, state, passage)
        return self(given_UB, state, passage)

    def _take_turns(
        self, given_UB: Tensor, state: tuple[State, ...], passage: Passage
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Like `forward`, but with the model's own most likely symbols in place of some of the given ones."""
        symbol_B, logits = given_UB[0], []
        for u, following_B in enumerate(given_UB.roll(-1, 0)):
            logits_1BC, state = self(symbol_B[None], state, passage.span(u, u + 1))
            logits.append(logits_1BC)
            forced_B = torch.rand(following_B.shape, device=following_B.device) < self.teacher_forcing
            symbol_B = torch.where(forced_B, following_B, logits_1BC[0].argmax(-1))
        return torch.cat(logits), state

    def _through(
        self, x: Tensor, state: tuple[State, ...], ways: Sequence[Through], passage: Passage
    ) -> tuple[Tensor, tuple[State, ...]]:
        if self.attention is None:
            return super()._through(x, state, ways, passage)
        *begun, memory = state
        h, last = self._through_layers(x, tuple(begun), ways, passage)
        return self.head(self.attention(h, cast(Memory, memory))), (*last, memory)

    def decode(self, inputs: Tensor) -> Tensor:
        """The most likely outputs `[U, B]` for inputs `[S, B]` or `[S, B, F]`; every symbol after END is END."""
        start_B = torch.full(inputs.shape[1:2], END, device=inputs.device)
        return beam_search(self.step, self.read(inputs), start_B, self.beam, self.longest)


def fitting(state: State, like: State) -> State:
    """The state, with the parts of `like` where its own have another shape.

    The last inputs of a cell or a convolution are so where what is read and what is written differ in width: each half
    begins with inputs of its own.
    """
    return map_state(lambda own, other: own if own.shape == other.shape else other, state, like)
