"""The scale of a metric: which way is better, how far it reaches, what chance scores and what counts as solved."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

SOLVES = 0.95
"""The share of the way from chance to the best possible score from which a run counts as having solved its task."""

MATTERS = 0.01
"""The share of that way below which a difference is too small to matter."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A metric's direction and the scores that give a score its meaning, in the metric's unit; None where unknown.

    `lowest` and `highest` are the ends of its range: infinite by default, 0 and 1 for a `unit` of `share`. `target` is
    the score from which a run has solved its task: by default `SOLVES` of the way from `chance` to `solved`.
    """

    direction: Literal["max", "min"]
    unit: str | None = None
    chance: float | None = None
    solved: float | None = None
    lowest: float | None = None
    highest: float | None = None
    target: float | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest score that the metric can have."""
        low, high = (0.0, 1.0) if self.unit == "share" else (-math.inf, math.inf)
        return low if self.lowest is None else self.lowest, high if self.highest is None else self.highest

    @property
    def goal(self) -> float | None:
        """`target`, or its default; None where the best possible score is unknown."""
        if self.target is not None or self.chance is None or self.solved is None:
            return self.target
        return self.chance + SOLVES * (self.solved - self.chance)

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` beats score `b`; a NaN never does."""
        return a > b if self.direction == "max" else a < b

    def solves(self, score: float) -> bool:
        """Whether `score` reaches the goal; never where there is none."""
        return self.goal is not None and (score == self.goal or self.better(score, self.goal))

    def splits(self, scores: Iterable[float]) -> bool:
        """Whether some of `scores` reach the goal and others do not."""
        return len({self.solves(score) for score in scores}) == 2

    def region(self, best: float, share: float = MATTERS) -> float:
        """The largest difference that does not matter: `share` of the way from chance to solved.

        Where no score is known to be the best possible, of the way from the lowest possible score to `best`, the better
        of those at hand, and 0 where there is no lowest one.
        """
        if self.solved is not None and self.chance is not None:
            return share * abs(self.solved - self.chance)
        low = self.range[0]
        return share * abs(best - low) if math.isfinite(low) else 0.0


def gap_closed(score: float, chance: float, solved: float) -> float:
    """The position of `score` between `chance` (0) and `solved` (1), for either direction; NaN if the two are equal."""
    span = float(solved) - float(chance)
    return (float(score) - float(chance)) / span if span else math.nan
