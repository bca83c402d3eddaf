"""What training has come to: counts, curve and best weights; and all that a run needs in order to go on."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Generator, Tensor

from bench.api import leaves, map_state
from bench.results.curve import Curve
from bench.train.gradient.choice import choose_gradient
from bench.train.loop import Carried
from bench.train.passes import Passes
from bench.train.setup import Setup


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
class Fit:
    """What training has come to so far; complete when `fit` returns, and useful where it was cut short.

    With the model, the optimiser, and what of `Setup` has a `state_dict`, it is all that training changes. `train_loss`
    and `clipping` are those since the last row of the curve.
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
    """Those due so far."""
    stale: int = 0
    """Validations in a row that brought no better score."""
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
        """Become what `state_dict` was taken of."""
        made = {"curve": Curve, "train_loss": Mean, "clipping": Mean}
        for name, value in deepcopy(state).items():
            setattr(self, name, made[name](**value) if name in made else value)


@dataclass
class Position:
    """All that training changes, and with it the place in the data: what a run needs in order to go on to the last bit.

    `carried` is the state that lanes which are not fresh go on from.
    """

    setup: Setup
    result: Fit
    batches: Passes
    offsets: Generator
    carried: Carried | None = None

    def state_dict(self) -> dict[str, Any]:
        """In plain types and tensors."""
        setup = self.setup
        return {
            "model": setup.model.state_dict(),
            "optimizer": setup.optimizer.state_dict(),
            "schedule": setup.schedule.state_dict(),
            "average": setup.average.state_dict() if setup.average else None,
            "fit": self.result.state_dict(),
            "batches": self.batches.state_dict(),
            "offsets": self.offsets.get_state(),
            "carried": [] if self.carried is None else leaves(self.carried),
            "random": setup.machine.random_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, as `state_dict` gave it for the same configuration."""
        setup, optimizer = self.setup, self.setup.optimizer
        setup.model.load_state_dict(state["model"])
        began = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
        optimizer.load_state_dict(state["optimizer"])
        if not setup.schedule.fits(state["schedule"]):  # a larger budget has a schedule of its own, from the start on
            for group, options in zip(optimizer.param_groups, began, strict=True):
                group.update(options)
        setup.schedule.load_state_dict(state["schedule"])
        if setup.average:
            setup.average.load_state_dict(state["average"])
        self.result.load_state_dict(state["fit"])
        self.batches.load_state_dict(state["batches"])
        self.offsets.set_state(state["offsets"])
        if state["carried"]:
            tensors = iter(state["carried"])
            config, lanes = setup.config, len(state["carried"][0])
            forward = choose_gradient(config.gradient, setup.model, setup.task.spec, config.batch_size)
            like = forward.initial_memory(lanes) if forward else setup.model.initial_state(lanes)
            self.carried = map_state(lambda old: next(tensors).to(old), like)  # type: ignore[assignment]
        setup.machine.set_random_state(state["random"])  # last: building a state may draw dropout masks
