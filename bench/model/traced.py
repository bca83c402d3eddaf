"""A model's time step as expressions, with the numbers that they read: what a stream runs and an export prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.api import State, Tokens, leaves
from bench.kernels.step import Cannot, Step
from bench.kernels.sums import in_place
from bench.kernels.trace import trace
from bench.model.sequence import SequenceModel
from bench.unroll.generated import in_structure_of, tensors_of

__all__ = ["TracedModel", "traced"]


@dataclass(frozen=True)
class TracedModel:
    """Encoder, layers and head for one time step, with the weights that the model has now.

    `tables [V, N]` are the inputs of the step for every symbol; for features one row of zeros.
    """

    step: Step
    tables: list[Tensor]
    weights: list[Tensor]
    matrices: list[Tensor]


@torch.no_grad()
def traced(model: SequenceModel, hoists: bool = True) -> TracedModel:
    """The model's step.

    A product of a symbol's vector is made once for every symbol where `hoists`, so that a step only looks up a row of
    it. Raises Cannot where the step has no expressions.
    """
    size, reads_symbols, like = model.step_inputs.size, isinstance(model.step_inputs, Tokens), model.initial_state(1)
    encoded_NW = model.encode(torch.arange(size) if reads_symbols else model.like.new_zeros(1, size))
    named = tensors_of(model)

    def step(x_BW: Tensor, old: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y_BC, new = model.step_encoded(x_BW, cast(tuple[State, ...], in_structure_of(like, old)))
        return y_BC, leaves(new)

    found = in_place(trace(step, encoded_NW.shape[1], leaves(like), named, hoists=hoists and reads_symbols))
    if found.draws:
        raise Cannot("it draws random numbers in evaluation, others at each step")
    tables, weights, matrices = found.hoisted(encoded_NW[:, None], named, F.linear)
    return TracedModel(found, [table_N1W[:, 0] for table_N1W in tables], weights, matrices)
