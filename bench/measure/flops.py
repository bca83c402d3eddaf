"""What a model costs: trainable parameters, and floating-point operations a token."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.api import Features
from bench.model.sequence import SequenceModel


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def flops_per_token(model: SequenceModel) -> int:
    """Floating-point operations of all matrix products in one time step of one lane, forward; a product's multiply and
    add count as two, element-wise work as none. The step form is counted: fused kernels hide theirs from counters. An
    encoder-decoder's step is the decoder's.
    """
    like, inputs = model.like, model.step_inputs
    x = like.new_zeros(1, inputs.size) if isinstance(inputs, Features) else like.new_zeros(1, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model.step(x, model.initial_state(1))
    return counter.get_total_flops()
