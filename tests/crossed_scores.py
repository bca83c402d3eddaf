"""Scores of runs in a complete design of seeds, for tests and simulations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from bench.stats.crossed import Levels


def crossed(
    levels: Sequence[int], deviations: Sequence[float], rest: float, rng: np.random.Generator
) -> dict[Levels, float]:
    """Scores around 0.7 of every combination of the levels of factors, each with a standard deviation."""
    effects = [rng.normal(0, each, count) for count, each in zip(levels, deviations, strict=True)]
    return {
        (*run, None): 0.7
        + sum(float(effect[level]) for effect, level in zip(effects, run, strict=True))
        + rng.normal(0, rest)
        for run in itertools.product(*map(range, levels))
    }
