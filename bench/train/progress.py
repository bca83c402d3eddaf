"""The progress of a training: counts, learning curve and best weights."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from bench.results.curve import Curve


@dataclass
class Mean:
    """A running mean that starts again whenever it is taken; NaN where nothing was added."""

    total: float = 0.0
    count: int = 0

    def add(self, total: float, count: int = 1) -> None:
        """Add the sum of `count` numbers."""
        self.total, self.count = self.total + total, self.count + count

    def take(self) -> float:
        """The mean since the last `take`; resets it."""
        mean = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return mean


@dataclass
class Progress:
    """Counts, curve and best weights so far; valid at any moment, also after an interruption.

    `train_loss` and `clipping` are means since the last row of the curve.
    """

    curve: Curve = field(default_factory=Curve)
    best_score: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0
    sequences: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Time in training steps. Validation does not count, neither here nor in a budget of seconds."""
    updates: int = 0
    clipped: int = 0
    """Updates with a clipped gradient."""
    train_loss: Mean = field(default_factory=Mean)
    clipping: Mean = field(default_factory=Mean)
    validations: int = 0
    """The number of validations that were due so far."""
    stale: int = 0
    """The number of validations since the best score."""
    forms: list[str] = field(default_factory=list)
    """The forms over time that the cells had in earlier processes, where those were others."""
    before: float = 0.0
    """Seconds that earlier processes spent on the run, up to the checkpoint that this process resumed from."""

    @property
    def clipped_share(self) -> float | None:
        """The share of updates with a clipped gradient; None before the first update."""
        return self.clipped / self.updates if self.updates else None

    def state_dict(self) -> dict[str, Any]:
        """A copy of all fields, in plain types and tensors."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave."""
        made = {"curve": Curve, "train_loss": Mean, "clipping": Mean}
        for name, value in deepcopy(state).items():
            setattr(self, name, made[name](**value) if name in made else value)
