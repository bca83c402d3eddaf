"""The last inputs as a state, for convolutions and attention over a sequence that comes in chunks."""

from __future__ import annotations

import torch
from torch import Tensor


def extend(past_BKC: Tensor, x_TBC: Tensor) -> tuple[Tensor, Tensor]:
    """The K past steps followed by `x_TBC`, `[K + T, B, C]`, and the last K steps of this sequence, `[B, K, C]`."""
    joined = torch.cat([past_BKC.transpose(0, 1), x_TBC])
    return joined, joined[len(x_TBC) :].transpose(0, 1).contiguous()  # a copy: a view would keep all of `joined` alive


def taps(joined: Tensor, count: int, dilation: int = 1) -> list[Tensor]:
    """The inputs `[T, B, C]` of each of `count` taps at every new step; taps are `dilation` steps apart, oldest first.

    `joined` is the result of `extend` with a past of (count - 1) * dilation steps.
    """
    steps = len(joined) - (count - 1) * dilation
    return [joined[i * dilation : i * dilation + steps] for i in range(count)]
