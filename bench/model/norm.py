"""Normalisation of a layer's outputs, of whole sequences `[T, B, H]` or of single steps `[B, H]`.

Layer norm: Ba, Kiros & Hinton, arXiv:1607.06450 (2016). Batch norm between the layers of a recurrent network, with
statistics shared by all time steps: Laurent et al., ICASSP 2016; with statistics for each time step: Cooijmans et al.,
"Recurrent batch normalization", ICLR 2017. In training, batch norms take their statistics over the lanes of a batch
(and, if shared, over its time steps), padding left out; evaluation uses running means of them, which count each time
step once, also where windows overlap. RMS norm: Zhang & Sennrich, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import ConfigError
from bench.model.passage import Passage


class Norm(Protocol):
    """Normalises features."""

    def __call__(self, x: Tensor, steps: Tensor | None, passage: Passage | None = None, /) -> Tensor:
        """The normal form of `x [T, B, H]` or `[B, H]`; `steps [B, 1]` counts earlier time steps, where it is given."""


_EPSILON = 1e-5

KEPT = 512
"""Number of statistics that StepBatchNorm keeps: one for each time step; steps from the last one on share it."""


class LayerNorm(nn.LayerNorm):
    """Statistics over the features of each lane and time step."""

    def forward(self, x: Tensor, steps: Tensor | None = None, passage: Passage | None = None) -> Tensor:
        return super().forward(x)


class RMSNorm(nn.RMSNorm):
    """The root of the mean square over the features of each lane and time step becomes 1; means stay."""

    def __init__(self, size: int) -> None:
        super().__init__(size, eps=_EPSILON)

    def forward(self, x: Tensor, steps: Tensor | None = None, passage: Passage | None = None) -> Tensor:
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

    def forward(self, x: Tensor, steps: Tensor | None = None, passage: Passage | None = None) -> Tensor:
        parts = x.unflatten(-1, self.shape)
        over = F.layer_norm if self.kind == "layer" else F.rms_norm
        return over(parts, self.shape[1:], eps=_EPSILON).flatten(-2) * self.weight


class BatchNorm(nn.BatchNorm1d):
    """Statistics over lanes and time steps together.

    Raises ConfigError in training on one lane at one time step, which has no variance.
    """

    def forward(self, x: Tensor, steps: Tensor | None = None, passage: Passage | None = None) -> Tensor:
        rows_NH, passage = x.flatten(0, -2), passage or Passage()
        if self.training and x.numel() == x.shape[-1]:
            raise ConfigError(
                "model.norm=batch: one lane at one time step has no variance; raise batch_size or bptt.window"
            )
        if not self.training or (passage.lengths is None and not passage.known):
            return super().forward(rows_NH).view_as(x)
        wide_TBH = (x if x.dim() == 3 else x[None]).to(self.weight.dtype)
        real_TB = passage.real(wide_TBH)
        counted_TBH = wide_TBH if real_TB is None else wide_TBH[real_TB]
        new_TBH = wide_TBH[passage.known :] if real_TB is None else wide_TBH[passage.known :][real_TB[passage.known :]]
        variance_H, mean_H = self._statistics(counted_TBH)
        self._keep(new_TBH.detach())
        return self._normalised(wide_TBH, mean_H, variance_H).view_as(x).to(x.dtype)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Variance and mean `[H]` of `x [..., H]`; the running ones where there are fewer than two numbers."""
        rows_NH = x.flatten(0, -2)
        if len(rows_NH) < 2:
            assert self.running_mean is not None and self.running_var is not None
            return self.running_var.clone(), self.running_mean.clone()
        return torch.var_mean(rows_NH, 0, correction=0)

    def _normalised(self, x: Tensor, mean_H: Tensor, variance_H: Tensor) -> Tensor:
        return (x - mean_H) * torch.rsqrt(variance_H + self.eps) * self.weight + self.bias

    def _keep(self, new: Tensor) -> None:
        """Move the running statistics towards those of the values `[..., H]`, as torch's batch norm does."""
        rows_NH = new.flatten(0, -2)
        if len(rows_NH) >= 2:
            F.batch_norm(rows_NH, self.running_mean, self.running_var, training=True, momentum=self.momentum or 0.0)


class StepBatchNorm(nn.Module):
    """Statistics over lanes, separately for each time step since the start of the sequence.

    A step that fewer than two lanes reach is normalised as in evaluation. Raises ConfigError if the lanes of a batch
    are at different time steps: their statistics would mix.
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

    def forward(self, x: Tensor, steps: Tensor | None, passage: Passage | None = None) -> Tensor:
        assert steps is not None
        x_TBH = x if x.dim() == 3 else x[None]
        if (steps != steps[:1]).any():
            raise ConfigError(
                "model.norm=batch_per_step: the lanes of a batch are at different time steps; choose model.norm=batch"
            )
        place_T = (int(steps[0]) + torch.arange(len(x_TBH), device=x.device)).clamp_max(KEPT - 1)
        mean_TH, variance_TH = self.means_TH[place_T], self.variances_TH[place_T]
        if self.training:
            mean_TH, variance_TH = self._of_batch(x_TBH, place_T, mean_TH, variance_TH, passage or Passage())
        normal_TBH = (x_TBH - mean_TH[:, None]) * torch.rsqrt(variance_TH + self.eps)[:, None]
        return (normal_TBH * self.weight + self.bias).view_as(x)

    def _of_batch(
        self, x_TBH: Tensor, place_T: Tensor, kept_mean_TH: Tensor, kept_variance_TH: Tensor, passage: Passage
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance `[T, H]` over the real lanes of each time step, which move the running ones where they are
        new; the kept ones at a step with fewer than two such lanes."""
        real_TB = passage.real(x_TBH)
        if real_TB is None:
            real_TB = x_TBH.new_ones(x_TBH.shape[:2], dtype=torch.bool)
        count_T1 = real_TB.sum(1, keepdim=True)
        mean_TH = _sum_of(x_TBH, real_TB) / count_T1.clamp(min=1)
        variance_TH = _sum_of((x_TBH - mean_TH[:, None]).square(), real_TB) / count_T1.clamp(min=1)
        several_T = count_T1[:, 0] > 1
        new_T = several_T & (torch.arange(len(x_TBH), device=x_TBH.device) >= passage.known)
        self._keep(place_T[new_T], mean_TH[new_T].detach(), variance_TH[new_T].detach())
        return (
            torch.where(several_T[:, None], mean_TH, kept_mean_TH.to(mean_TH)),
            torch.where(several_T[:, None], variance_TH, kept_variance_TH.to(variance_TH)),
        )

    def _keep(self, place_T: Tensor, mean_TH: Tensor, variance_TH: Tensor) -> None:
        """Move the running statistics of these time steps towards those of the batch."""
        own = int((place_T < KEPT - 1).sum())  # later steps share the last place, through the mean of their statistics
        for kept_TH, new_TH in ((self.means_TH, mean_TH), (self.variances_TH, variance_TH)):
            new_TH = new_TH.to(kept_TH)
            kept_TH[place_T[:own]] = torch.lerp(kept_TH[place_T[:own]], new_TH[:own], self.momentum)
            if own < len(new_TH):
                kept_TH[-1] = torch.lerp(kept_TH[-1], new_TH[own:].mean(0), self.momentum)


def _sum_of(x_TBH: Tensor, real_TB: Tensor) -> Tensor:
    """The sum `[T, H]` over the lanes that are real."""
    return torch.where(real_TB[..., None], x_TBH, 0).sum(1)


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
