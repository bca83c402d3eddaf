"""Learning rate schedules: those of torch.optim.lr_scheduler, stretched over a budget of steps, examples or seconds.

A schedule's class derives from `LRScheduler`, and its constructor takes `optimizer, ticks` and then its own options.
The options are shares of the budget and of the initial rate, so that the curve keeps its shape for every budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedules
from torch.optim.lr_scheduler import LinearLR, LRScheduler

from bench.config.schema import BudgetConfig

Share = Annotated[float, Ge(0), Le(1)]

_SECONDS_TICKS = 1000  # ticks in a budget of seconds, whose number of steps is not known in advance
_ROUNDING = 1e-9  # in floating point 1 / 49 * 49 is less than 1


class Constant(torch_schedules.ConstantLR):
    """A constant rate."""

    def __init__(self, optimizer: Optimizer, ticks: int) -> None:
        super().__init__(optimizer, factor=1.0, total_iters=0)


class Step(torch_schedules.StepLR):
    """The rate drops `drops` times by `factor`, at even intervals of the budget."""

    def __init__(
        self, optimizer: Optimizer, ticks: int, drops: Annotated[int, Ge(1)] = 2, factor: Annotated[Share, Gt(0)] = 0.1
    ) -> None:
        super().__init__(optimizer, step_size=math.ceil(ticks / (drops + 1)), gamma=factor)


class Exponential(torch_schedules.ExponentialLR):
    """The rate falls by the same factor at every step, to the share `final` of the initial rate."""

    def __init__(self, optimizer: Optimizer, ticks: int, final: Annotated[Share, Gt(0)] = 0.01) -> None:
        super().__init__(optimizer, gamma=final ** (1 / ticks))


class Cosine(torch_schedules.CosineAnnealingLR):
    """The rate falls along half a cosine to its share `final` (Loshchilov & Hutter, ICLR 2017, without restarts)."""

    def __init__(self, optimizer: Optimizer, ticks: int, final: Share = 0.0) -> None:
        super().__init__(optimizer, T_max=ticks, eta_min=final * rate(optimizer))


class Cyclical(torch_schedules.CyclicLR):
    """`cycles` triangles between the share `low` of the rate and the rate itself (Smith, WACV 2017).

    With `mode=triangular2` each triangle is half as high as the one before.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        ticks: int,
        cycles: Annotated[int, Ge(1)] = 4,
        low: Share = 0.1,
        mode: Literal["triangular", "triangular2"] = "triangular",
    ) -> None:
        top, half = rate(optimizer), ticks / (2 * cycles)
        # torch's annotation asks for whole steps, but its arithmetic is in floating point
        super().__init__(optimizer, low * top, top, step_size_up=half, mode=mode, cycle_momentum=False)  # type: ignore[arg-type]


class OneCycle(torch_schedules.OneCycleLR):
    """The rate rises for the share `rise` of the budget and then falls, along cosines (Smith & Topin 2018).

    The first rate is the learning rate divided by `div_factor`; the last rate is the first one divided by
    `final_div_factor`. The momentum does not change. Raises ValueError if the rise is a single step.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        ticks: int,
        rise: Annotated[float, Gt(0), Lt(1)] = 0.3,
        div_factor: Annotated[float, Ge(1)] = 25.0,
        final_div_factor: Annotated[float, Ge(1)] = 1e4,
    ) -> None:
        if abs(rise * ticks - 1) < _ROUNDING:  # torch divides by the number of rising steps minus 1
            raise ValueError(f"rise={rise:g} of {ticks} steps is a single step: choose another share")
        super().__init__(
            optimizer,
            max_lr=rate(optimizer),
            total_steps=ticks,
            pct_start=rise,
            cycle_momentum=False,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
        )


class Plateau(torch_schedules.ReduceLROnPlateau):
    """The rate drops by `factor` after more than `patience` validations without a better score on valid.

    A score is better if it improves by more than `threshold`, in the metric's unit.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        ticks: int,
        factor: Annotated[float, Gt(0), Lt(1)] = 0.5,
        patience: Annotated[int, Ge(0)] = 1,
        threshold: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__(optimizer, "min", factor, patience, threshold, threshold_mode="abs")


class Schedule:
    """The learning rate over the budget: a linear warm-up to the first rate of a rule, then the rule.

    Time is counted in ticks: one for each step, or a thousandth of a budget in seconds. The warm-up takes the share
    `warmup` of them, and the rule, built by `make(optimizer, ticks)`, the others. A plateau counts validations instead.
    """

    def __init__(
        self, make: Callable[[Optimizer, int], LRScheduler], optimizer: Optimizer, ticks: int, warmup: float = 0.0
    ) -> None:
        self._optimizer, self._ticks, self._tick = optimizer, ticks, 0
        self._warmup_ticks = min(round(warmup * ticks), ticks - 1)
        self._rule = make(optimizer, ticks - self._warmup_ticks)
        self.kind = type(self._rule)
        """The class of the rule."""
        start = 1 / (self._warmup_ticks + 1)
        self._warmup = LinearLR(optimizer, start, total_iters=self._warmup_ticks) if self._warmup_ticks else None
        rests = isinstance(self._rule, (Constant, torch_schedules.ReduceLROnPlateau))
        self._last = self._warmup_ticks if rests else ticks - 1

    @property
    def rate(self) -> float:
        """The current learning rate."""
        return rate(self._optimizer)

    def set_rate(self, spent: float) -> None:
        """Set the rate for a step that begins after the share `spent` of the budget; `spent` must not decrease."""
        due = min(int(spent * self._ticks + _ROUNDING), self._last)
        while self._tick < due:
            self._tick += 1
            if self._warmup and self._tick <= self._warmup_ticks:
                self._warmup.step()
            else:
                self._rule.step()

    def validated(self, cost: float) -> None:
        """Pass the score on valid, as a `cost` to minimise, to a plateau after its warm-up; other rules ignore it."""
        if isinstance(self._rule, torch_schedules.ReduceLROnPlateau) and self._tick == self._last:
            self._rule.step(cost)

    def state_dict(self) -> dict[str, Any]:
        """The place in the schedule, for a checkpoint; the current rate is in the optimiser's own state."""
        warmup = self._warmup.state_dict() if self._warmup else None
        return {"ticks": self._ticks, "tick": self._tick, "rule": self._rule.state_dict(), "warmup": warmup}

    def fits(self, state: dict[str, Any]) -> bool:
        """Whether `state` comes from a schedule over the same budget, or from one that does not count the budget."""
        uncounted = self._last == 0 and state["warmup"] is None  # a plateau, or a constant rate, without a warm-up
        return bool(state["ticks"] == self._ticks or uncounted)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`, unless it comes from another budget; then the next `set_rate` finds the right place."""
        if not self.fits(state):
            return
        self._tick = state["tick"]
        self._rule.load_state_dict(state["rule"])
        if self._warmup:
            self._warmup.load_state_dict(state["warmup"])


def rate(optimizer: Optimizer) -> float:
    """The current learning rate of an optimiser, the same in all its groups."""
    return float(optimizer.param_groups[0]["lr"])


def ticks_of(budget: BudgetConfig, sequences: int) -> int:
    """The number of ticks in a budget, for steps of `sequences` sequences."""
    if budget.seconds is not None:
        return _SECONDS_TICKS
    if budget.examples is not None:
        return math.ceil(budget.examples / sequences)
    assert budget.steps is not None
    return budget.steps
