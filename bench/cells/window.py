"""The last inputs as a state: what convolutions and attention carry from one chunk of time to the next."""

from __future__ import annotations

import torch
from torch import Tensor


def extend(past_BKC: Tensor, x_TBC: Tensor) -> tuple[Tensor, Tensor]:
    """`x_TBC` with the K steps before it in front, `[K + T, B, C]`, and the last K steps of that, `[B, K, C]`."""
    joined = torch.cat([past_BKC.transpose(0, 1), x_TBC])
    return joined, joined[len(x_TBC) :].transpose(0, 1).contiguous()  # a copy, or it would keep all of `joined` alive


def taps(joined: Tensor, count: int, dilation: int = 1) -> list[Tensor]:
    """For each of `count` taps, `dilation` steps apart and oldest first, the input that it sees at every new step.

    `joined` is from `extend`, with a past of (count - 1) * dilation steps.
    """
    steps = len(joined) - (count - 1) * dilation
    return [joined[i * dilation : i * dilation + steps] for i in range(count)]
