"""What training has come to: counts, curve and best weights."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from bench.results.curve import Curve


@dataclass
class Mean:
    """The mean of what was added since it was last taken; NaN where that is nothing."""

    total: float = 0.0
    count: int = 0

    def add(self, total: float, count: int = 1) -> None:
        """Add the sum of `count` numbers."""
        self.total, self.count = self.total + total, self.count + count

    def take(self) -> float:
        """The mean; the next one begins."""
        mean = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return mean


@dataclass
class Progress:
    """What training has come to so far; complete when a `Fit` is exhausted, and valid wherever it was cut short.

    With the model, the optimiser, the schedule and the average of `Setup` it is all that training changes. `train_loss`
    and `clipping` are means since the last row of the curve.
    """

    curve: Curve = field(default_factory=Curve)
    best_score: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0
    sequences: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Spent training; validation is not counted, nor charged to a budget in seconds."""
    updates: int = 0
    clipped: int = 0
    """Updates whose gradient was clipped."""
    train_loss: Mean = field(default_factory=Mean)
    clipping: Mean = field(default_factory=Mean)
    validations: int = 0
    """How many were due so far."""
    stale: int = 0
    """The last validations in a row that brought no better score."""
    before: float = 0.0
    """Seconds that other processes spent on the run, up to the checkpoint from which this one went on."""

    @property
    def clipped_share(self) -> float | None:
        """The share of updates whose gradient was clipped; None before the first."""
        return self.clipped / self.updates if self.updates else None

    def state_dict(self) -> dict[str, Any]:
        """A copy of all of it, in plain types and tensors."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave."""
        made = {"curve": Curve, "train_loss": Mean, "clipping": Mean}
        for name, value in deepcopy(state).items():
            setattr(self, name, made[name](**value) if name in made else value)
