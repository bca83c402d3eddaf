"""The exponential moving average of a model's weights (Polyak averaging with a window that forgets)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Follows the weights of `model` update by update: `average = decay * average + (1 - decay) * weights`.

    It begins with the weights after the first update. Buffers (such as running statistics) are not averaged. The
    average is taken in a hook of `optimizer`, after each of its steps.
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
        """Take the model's present weights into the average."""
        present = [parameter.detach() for parameter in self._parameters]
        if self._updates:
            self._mix(self._weights, present, self._updates)
        else:
            torch._foreach_copy_(self._weights, present)
        self._updates += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights while the block lasts, and its own again after it."""
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
        """What a resumed run needs."""
        return {"weights": self._weights, "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, whose tensors are copied."""
        torch._foreach_copy_(self._weights, state["weights"])
        self._updates = state["updates"]
