"""The size of a model: its number of trainable parameters, and of floating-point operations per token."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.api import Features
from bench.model.sequence import SequenceModel


def parameter_count(model: nn.Module) -> int:
    """The number of trainable parameters; a shared one counts once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def flops_per_token(model: SequenceModel) -> int:
    """Floating-point operations of the matrix products in one forward time step of one lane.

    A multiplication and an addition count as two; element-wise operations do not count. The step form is counted, since
    fused kernels hide their operations from the counter. For an encoder-decoder it is the decoder's step.
    """
    like, inputs = model.like, model.step_inputs
    x = like.new_zeros(1, inputs.size) if isinstance(inputs, Features) else like.new_zeros(1, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model.step(x, model.initial_state(1))
    return counter.get_total_flops()
