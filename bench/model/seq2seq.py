"""The encoder-decoder: one model reads a whole sequence, and a second one writes a sequence from the first one's state.

Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014. The form is that of Sutskever,
Vinyals & Le, "Sequence to sequence learning with neural networks", NeurIPS 2014: the encoder's last state is the
decoder's initial state, and the only connection between the two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from bench.api import END, Batch, State, TaskSpec, Tokens
from bench.model.decode import beam_search
from bench.model.layer import MakeCell
from bench.model.sequence import SequenceModel
from bench.unroll.agreement import PIECE
from bench.unroll.forms import Mode


class EncoderDecoder(SequenceModel):
    """A decoder that predicts each output symbol from the previous ones, starting from the last state of `reader`.

    The model itself is the decoder: `forward` and `step` take output symbols, the first of which is END. `reader`, the
    encoder, is a model of the same `shape` with its own weights and no head. The last state of each of its layers is
    the initial state of the decoder's layer.

    In training the decoder reads the target's previous symbol (teacher forcing) with probability `teacher_forcing`,
    drawn for every symbol from torch's global generator; otherwise it reads its own most likely symbol (scheduled
    sampling at a constant rate: Bengio et al., NeurIPS 2015). No gradient passes through that choice. `decode` searches
    with a beam of `beam` hypotheses, for at most `spec.longest` symbols.
    """

    def __init__(
        self,
        spec: TaskSpec,
        make_cell: MakeCell,
        hidden: int,
        *,
        teacher_forcing: float = 1.0,
        beam: int = 1,
        tie: bool = False,
        **shape: Any,
    ) -> None:
        super().__init__(replace(spec, inputs=Tokens(spec.outputs)), make_cell, hidden, tie=tie, **shape)
        self.reader = SequenceModel(replace(spec, outputs=0), make_cell, hidden, **shape)
        self.teacher_forcing, self.beam, self.longest = teacher_forcing, beam, spec.longest

    def choose_unroll(self, mode: Mode, steps: int = PIECE, precision: torch.dtype | None = None) -> str:
        self.reader.choose_unroll(mode, steps, precision)
        return super().choose_unroll(mode, steps, precision)

    def read(self, inputs: Tensor, state: tuple[State, ...] | None = None) -> tuple[State, ...]:
        """The decoder's initial state for inputs `[S, B]` or `[S, B, F]`; the encoder starts from `state`, if given."""
        read = self.reader(inputs, self.initial_state(inputs.shape[1]) if state is None else state)[1]
        return tuple(layer.from_step_zero(each) for layer, each in zip(self.layers, read, strict=True))

    def predict(self, batch: Batch, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[U, B, C]` of each target, given the inputs and the previous targets; and the decoder's last state.

        The encoder starts from `state`.
        """
        state = self.read(batch.inputs, state)
        given_UB = torch.cat([torch.full_like(batch.targets[:1], END), batch.targets[:-1]])
        if self.training and self.teacher_forcing < 1:
            return self._take_turns(given_UB, state)
        return self(given_UB, state)

    def _take_turns(self, given_UB: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Like `forward`, but with the model's own most likely symbols in place of some of the given ones."""
        symbol_B, logits = given_UB[0], []
        for following_B in given_UB.roll(-1, 0):
            logits_1BC, state = self(symbol_B[None], state)
            logits.append(logits_1BC)
            forced_B = torch.rand(following_B.shape, device=following_B.device) < self.teacher_forcing
            symbol_B = torch.where(forced_B, following_B, logits_1BC[0].argmax(-1))
        return torch.cat(logits), state

    def decode(self, inputs: Tensor) -> Tensor:
        """The most likely outputs `[U, B]` for inputs `[S, B]` or `[S, B, F]`; every symbol after END is END."""
        start_B = torch.full(inputs.shape[1:2], END, device=inputs.device)
        return beam_search(self.step, self.read(inputs), start_B, self.beam, self.longest)
