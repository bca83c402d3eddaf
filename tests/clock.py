"""Time as tests have it: a clock that a task moves on."""

from __future__ import annotations

import torch
from tiny import Given, a_batch


class Clock:
    """Time as the tests have it: a training step takes one second, a validation a hundred."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Timed(Given):
    """A task that costs time on a `Clock`."""

    def __init__(self, clock):
        super().__init__(train=[a_batch(B=2)], valid=[a_batch(seed=1)])
        self.clock = clock

    def loss(self, logits, batch):
        self.clock.now += 1 if torch.is_grad_enabled() else 0
        return super().loss(logits, batch)

    def tally(self, logits, batch):
        self.clock.now += 100
        return super().tally(logits, batch)


class Ticking:
    """A clock of which every look takes a second."""

    def __init__(self):
        self.now = -1.0

    def __call__(self):
        self.now += 1
        return self.now
