"""Normalisation of a layer's outputs, of whole sequences `[T, B, H]` or of single steps `[B, H]`.

Layer norm: Ba, Kiros & Hinton, arXiv:1607.06450 (2016). Batch norm between the layers of a recurrent network, with
statistics shared by all time steps: Laurent et al., ICASSP 2016; with statistics for each time step: Cooijmans et al.,
"Recurrent batch normalization", ICLR 2017. In training, batch norms take their statistics over the lanes of a batch
(and, if shared, over its time steps), padding included; evaluation uses running means of them. RMS norm: Zhang &
Sennrich, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import ConfigError

Norm = Callable[[Tensor, Tensor | None], Tensor]
"""Normalises features; the second argument is the number of earlier time steps `[B, 1]`, or None if not counted."""

_EPSILON = 1e-5

KEPT = 512
"""Number of statistics that StepBatchNorm keeps: one for each time step; steps from the last one on share it."""


class LayerNorm(nn.LayerNorm):
    """Statistics over the features of each lane and time step."""

    def forward(self, x: Tensor, steps: Tensor | None = None) -> Tensor:
        return super().forward(x)


class RMSNorm(nn.RMSNorm):
    """The root of the mean square over the features of each lane and time step becomes 1; means stay."""

    def __init__(self, size: int) -> None:
        super().__init__(size, eps=_EPSILON)

    def forward(self, x: Tensor, steps: Tensor | None = None) -> Tensor:
        return super().forward(x)


class HeadNorm(nn.Module):
    """Layer or RMS norm over each of `heads` equal parts of the features, with one gain a feature and no shift.

    Raises ConfigError where the heads do not divide the features.
    """

    def __init__(self, size: int, heads: int, kind: str) -> None:
        super().__init__()
        if size % heads:
            raise ConfigError(
                f"model.norm=head_{kind}: {size} units are no multiple of {heads} heads; change model.hidden"
            )
        self.weight = nn.Parameter(torch.ones(size))
        self.shape, self.kind = (heads, size // heads), kind

    def forward(self, x: Tensor, steps: Tensor | None = None) -> Tensor:
        parts = x.unflatten(-1, self.shape)
        over = F.layer_norm if self.kind == "layer" else F.rms_norm
        return over(parts, self.shape[1:], eps=_EPSILON).flatten(-2) * self.weight


class BatchNorm(nn.BatchNorm1d):
    """Statistics over lanes and time steps together.

    Raises ConfigError in training on one lane at one time step, which has no variance.
    """

    def forward(self, x: Tensor, steps: Tensor | None = None) -> Tensor:
        if self.training and x.numel() == x.shape[-1]:
            raise ConfigError(
                "model.norm=batch: one lane at one time step has no variance; raise batch_size or bptt.window"
            )
        return super().forward(x.flatten(0, -2)).view_as(x)


class StepBatchNorm(nn.Module):
    """Statistics over lanes, separately for each time step since the start of the sequence.

    Raises ConfigError if the lanes of a batch are at different time steps: their statistics would mix.
    """

    means_TH: Tensor
    variances_TH: Tensor

    def __init__(self, size: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((size,), 0.1))  # as in Cooijmans et al.: a gain of 1 saturates tanh
        self.bias = nn.Parameter(torch.zeros(size))
        self.register_buffer("means_TH", torch.zeros(KEPT, size))
        self.register_buffer("variances_TH", torch.ones(KEPT, size))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: Tensor, steps: Tensor | None) -> Tensor:
        assert steps is not None
        x_TBH = x if x.dim() == 3 else x[None]
        if (steps != steps[:1]).any():
            raise ConfigError(
                "model.norm=batch_per_step: the lanes of a batch are at different time steps; choose model.norm=batch"
            )
        place_T = (int(steps[0]) + torch.arange(len(x_TBH), device=x.device)).clamp_max(KEPT - 1)
        if self.training:
            variance_TH, mean_TH = torch.var_mean(x_TBH, dim=1, correction=0)
            self._keep(place_T, mean_TH.detach(), variance_TH.detach())
        else:
            mean_TH, variance_TH = self.means_TH[place_T], self.variances_TH[place_T]
        normal_TBH = (x_TBH - mean_TH[:, None]) * torch.rsqrt(variance_TH + self.eps)[:, None]
        return (normal_TBH * self.weight + self.bias).view_as(x)

    def _keep(self, place_T: Tensor, mean_TH: Tensor, variance_TH: Tensor) -> None:
        """Move the running statistics of these time steps towards those of the batch."""
        own = int((place_T < KEPT - 1).sum())  # later steps share the last place, through the mean of their statistics
        for kept_TH, new_TH in ((self.means_TH, mean_TH), (self.variances_TH, variance_TH)):
            new_TH = new_TH.to(kept_TH)
            kept_TH[place_T[:own]] = torch.lerp(kept_TH[place_T[:own]], new_TH[:own], self.momentum)
            if own < len(new_TH):
                kept_TH[-1] = torch.lerp(kept_TH[-1], new_TH[own:].mean(0), self.momentum)


NORMS: dict[str, Callable[[int], Norm]] = {
    "layer": LayerNorm,
    "rms": RMSNorm,
    "batch": BatchNorm,
    "batch_per_step": StepBatchNorm,
}


def make_norm(kind: str, size: int, heads: int = 1) -> Norm | None:
    """The normalisation called `kind` (an option of `model.norm`) over `size` features; None for `none`.

    `heads` are the parts of the features that `head_layer` and `head_rms` normalise one by one.
    """
    if kind == "none":
        return None
    return HeadNorm(size, heads, kind.removeprefix("head_")) if kind.startswith("head_") else NORMS[kind](size)
