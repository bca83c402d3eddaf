"""Gradient clipping, after backward and before the update: by global norm, by value, or adaptively."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.config.schema import ClipConfig
from bench.model.sequence import SequenceModel

UNIT_FLOOR = 1e-3
"""A lower bound on a unit's weight norm, so that weights can leave zero (AGC's epsilon)."""


class Clipped(NamedTuple):
    """The report of a clipping: the gradient's global norm before it, and whether any entry changed."""

    norm: float
    acted: bool


class Clip:
    """Clips the gradients of a model's parameters in the form that `config` sets; with none set, only measures them.

    - `norm`: the whole gradient is shortened to this global norm (Pascanu et al., ICML 2013); its direction is kept.
    - `value`: each entry is brought into [-value, value]; the direction changes.
    - `adaptive`: each unit's gradient is shortened to this share of the norm of the unit's weights (AGC; Brock et al.,
      ICML 2021). A unit is a row of a matrix, or a whole vector. As in the paper, the head is not clipped.
    """

    def __init__(self, config: ClipConfig, model: SequenceModel) -> None:
        self.config = config
        self.parameters = list(model.parameters())
        head = {id(parameter) for parameter in model.head.parameters()}
        self.below_head = [parameter for parameter in self.parameters if id(parameter) not in head]

    def __call__(self) -> Clipped:
        """Clip in place; parameters without a gradient are skipped."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients).item()
        acted = False
        if self.config.norm is not None:
            if acted := norm > self.config.norm:
                for gradient in gradients:
                    gradient.mul_(self.config.norm / norm)
        elif self.config.value is not None:
            if acted := nn.utils.get_total_norm(gradients, torch.inf).item() > self.config.value:
                for gradient in gradients:
                    gradient.clamp_(-self.config.value, self.config.value)
        elif self.config.adaptive is not None:
            acted = _clip_units(self.below_head, self.config.adaptive)
        return Clipped(norm, acted)


@torch.no_grad()
def _clip_units(parameters: list[nn.Parameter], most: float) -> bool:
    """Shorten each unit's gradient to at most `most` times its weights' norm; True where any was longer."""
    acted = []
    for parameter in parameters:
        if parameter.grad is not None:
            limit = most * unit_norm(parameter).clamp_(min=UNIT_FLOOR)
            norm = unit_norm(parameter.grad)
            too_long = norm > limit
            parameter.grad.mul_(torch.where(too_long, limit / norm, 1.0))
            acted.append(too_long.any())
    return bool(acted) and bool(torch.stack(acted).any())


def unit_norm(tensor: Tensor) -> Tensor:
    """The norm of each unit, shaped to broadcast: `[N, 1, ...]` for rows `[N, ...]`, `[]` for a vector."""
    if tensor.dim() <= 1:
        return torch.linalg.vector_norm(tensor)
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
