"""The exponential moving average of a model's weights: Polyak averaging with exponentially decaying influence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """The average over the updates of `model`: `average = decay * average + (1 - decay) * weights`.

    It starts as the weights after the first update. A hook of `optimizer` updates it after each step. Buffers, such as
    running statistics, are not averaged.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, decay: float) -> None:
        self._parameters = list(model.parameters())
        self._weights = [parameter.detach().clone() for parameter in self._parameters]
        self._updates = 0
        self._mix = get_ema_multi_avg_fn(decay)
        optimizer.register_step_post_hook(lambda *_: self.update())

    @property
    def tensors(self) -> list[Tensor]:
        """The averaged weights, in the order of the model's parameters."""
        return self._weights

    @torch.no_grad()
    def update(self) -> None:
        """Add the model's current weights to the average."""
        present = [parameter.detach() for parameter in self._parameters]
        if self._updates:
            self._mix(self._weights, present, self._updates)
        else:
            torch._foreach_copy_(self._weights, present)
        self._updates += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block, the model has the averaged weights; after it, its own again."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self._load(self._weights)
        try:
            yield
        finally:
            self._load(own)

    @torch.no_grad()
    def _load(self, weights: list[Tensor]) -> None:
        for parameter, weight in zip(self._parameters, weights, strict=True):
            parameter.copy_(weight)

    def state_dict(self) -> dict[str, Any]:
        """The average and the number of updates, for a checkpoint."""
        return {"weights": self._weights, "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`, whose tensors are copied."""
        torch._foreach_copy_(self._weights, state["weights"])
        self._updates = state["updates"]
