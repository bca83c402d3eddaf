"""Learning rate schedules: torch.optim.lr_scheduler's, each stretched over the budget whatever its unit.

A schedule's class derives from `LRScheduler` and its constructor takes `optimizer, ticks` and then its own options,
which are shares of the budget and of the initial rate, so that another budget keeps the curve's shape.
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

_SECONDS_TICKS = 1000  # of a budget in seconds, whose number of steps nobody knows beforehand
_ROUNDING = 1e-9  # 1 / 49 * 49 is less than 1


class Constant(torch_schedules.ConstantLR):
    """The same rate throughout."""

    def __init__(self, optimizer: Optimizer, ticks: int) -> None:
        super().__init__(optimizer, factor=1.0, total_iters=0)


class Step(torch_schedules.StepLR):
    """`drops` drops by `factor`, evenly over the budget."""

    def __init__(
        self, optimizer: Optimizer, ticks: int, drops: Annotated[int, Ge(1)] = 2, factor: Annotated[Share, Gt(0)] = 0.1
    ) -> None:
        super().__init__(optimizer, step_size=math.ceil(ticks / (drops + 1)), gamma=factor)


class Exponential(torch_schedules.ExponentialLR):
    """Falls by the same factor at every step, to the share `final` of the initial rate."""

    def __init__(self, optimizer: Optimizer, ticks: int, final: Annotated[Share, Gt(0)] = 0.01) -> None:
        super().__init__(optimizer, gamma=final ** (1 / ticks))


class Cosine(torch_schedules.CosineAnnealingLR):
    """Half a cosine down to the share `final` of the rate (Loshchilov & Hutter, ICLR 2017, without restarts)."""

    def __init__(self, optimizer: Optimizer, ticks: int, final: Share = 0.0) -> None:
        super().__init__(optimizer, T_max=ticks, eta_min=final * rate(optimizer))


class Cyclical(torch_schedules.CyclicLR):
    """`cycles` triangles between the share `low` of the rate and the rate (Smith, WACV 2017); `triangular2` halves the
    height after each.
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
        # torch takes it for whole steps, and computes in floating point
        super().__init__(optimizer, low * top, top, step_size_up=half, mode=mode, cycle_momentum=False)  # type: ignore[arg-type]


class OneCycle(torch_schedules.OneCycleLR):
    """Up to the rate for the share `rise` of the budget and down again, by cosines (Smith & Topin 2018).

    It starts at the rate over `div_factor` and ends at that over `final_div_factor`; the momentum is left as it is.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        ticks: int,
        rise: Annotated[float, Gt(0), Lt(1)] = 0.3,
        div_factor: Annotated[float, Ge(1)] = 25.0,
        final_div_factor: Annotated[float, Ge(1)] = 1e4,
    ) -> None:
        if abs(rise * ticks - 1) < _ROUNDING:  # by the number of steps up less one torch divides
            raise ValueError(f"rise={rise:g} of {ticks} steps is a single one: choose another share")
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
    """Multiplies the rate by `factor` after more than `patience` validations without a better score on valid."""

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
    """A rule on its way through the budget, after a warm-up in which the rate rises linearly to the rule's first one.

    Time is counted in ticks: one a step, or a thousandth of a budget in seconds. `warmup` is a share of them, and the
    rule gets the others; it is built by `make(optimizer, ticks)`. A plateau goes by validations instead.
    """

    def __init__(
        self, make: Callable[[Optimizer, int], LRScheduler], optimizer: Optimizer, ticks: int, warmup: float = 0.0
    ) -> None:
        self._optimizer, self._ticks, self._tick = optimizer, ticks, 0
        self._warmup_ticks = min(round(warmup * ticks), ticks - 1)
        self._rule = make(optimizer, ticks - self._warmup_ticks)
        start = 1 / (self._warmup_ticks + 1)
        self._warmup = LinearLR(optimizer, start, total_iters=self._warmup_ticks) if self._warmup_ticks else None
        rests = isinstance(self._rule, (Constant, torch_schedules.ReduceLROnPlateau))
        self._last = self._warmup_ticks if rests else ticks - 1

    @property
    def rate(self) -> float:
        """The learning rate as it is now."""
        return rate(self._optimizer)

    def advance(self, spent: float) -> None:
        """Set the rate for the step that begins when the share `spent` of the budget is used up."""
        due = min(int(spent * self._ticks + _ROUNDING), self._last)
        while self._tick < due:
            self._tick += 1
            if self._warmup and self._tick <= self._warmup_ticks:
                self._warmup.step()
            else:
                self._rule.step()

    def validated(self, cost: float) -> None:
        """Tell a plateau, once it is warm, the score on valid; the lower the better."""
        if isinstance(self._rule, torch_schedules.ReduceLROnPlateau) and self._tick == self._last:
            self._rule.step(cost)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs beside the optimiser's own state, which holds the present rate."""
        warmup = self._warmup.state_dict() if self._warmup else None
        return {"ticks": self._ticks, "tick": self._tick, "rule": self._rule.state_dict(), "warmup": warmup}

    def fits(self, state: dict[str, Any]) -> bool:
        """Whether `state` is that of a schedule over the same budget."""
        return bool(state["ticks"] == self._ticks)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, unless it is of another budget: then the next `advance` goes to the right place."""
        if not self.fits(state):
            return
        self._tick = state["tick"]
        self._rule.load_state_dict(state["rule"])
        if self._warmup:
            self._warmup.load_state_dict(state["warmup"])


def rate(optimizer: Optimizer) -> float:
    """The learning rate that an optimiser has now, in all its groups."""
    return float(optimizer.param_groups[0]["lr"])


def ticks_of(budget: BudgetConfig, sequences: int) -> int:
    """How many ticks a budget has, with `sequences` in a step."""
    if budget.seconds is not None:
        return _SECONDS_TICKS
    if budget.examples is not None:
        return math.ceil(budget.examples / sequences)
    assert budget.steps is not None
    return budget.steps
