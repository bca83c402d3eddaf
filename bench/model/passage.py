"""One passage of a model through the time steps of a batch: which of them count, and what is dropped in all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Passage:
    """What the layers must know of the time steps besides inputs and states.

    lengths   the number of real time steps of each lane, `[B]`; None where no lane is padded
    known     the number of first time steps that an earlier passage has been through, where windows overlap
    masks     the masks of variational dropout that are drawn so far, by place
    """

    lengths: Tensor | None = None
    known: int = 0
    masks: dict[str, Tensor] = field(default_factory=dict)

    def span(self, start: int, stop: int) -> Passage:
        """The part of the passage from time step `start` to `stop` (excluded), under the same masks."""
        length = stop - start
        lengths = None if self.lengths is None else (self.lengths - start).clamp(0, length)
        return replace(self, lengths=lengths, known=min(max(self.known - start, 0), length))

    def real(self, x_TBH: Tensor) -> Tensor | None:
        """Which time steps of `x` are real and not padding, `[T, B]` bool; None where all are."""
        if self.lengths is None:
            return None
        return torch.arange(len(x_TBH), device=x_TBH.device)[:, None] < self.lengths.to(x_TBH.device)

    def mask(self, place: str, x: Tensor, share: float) -> Tensor:
        """The mask `[B, H]` that drops a `share` of `x [T, B, H]` or `[B, H]` at a place, the same at all steps."""
        if place not in self.masks:
            self.masks[place] = F.dropout(torch.ones_like(x[0] if x.dim() == 3 else x), share)
        return self.masks[place]


def dropout(x: Tensor, share: float, passage: Passage | None = None, place: str = "") -> Tensor:
    """Dropout of `x [T, B, H]` or `[B, H]`. With a `passage` one mask drops the same at all its time steps (variational
    dropout: Gal & Ghahramani, NeurIPS 2016), also where they are computed one by one.
    """
    if not share:
        return x
    return F.dropout(x, share) if passage is None else x * passage.mask(place, x, share)
