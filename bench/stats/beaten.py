"""Which cells beat which on one task, all pairs of them compared at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import combinations
from statistics import fmean
from typing import TypeVar

from bench.stats import difference
from bench.stats.comparison import BySeed
from bench.stats.holm import holm
from bench.stats.scale import MATTERS, Scale

_Cell = TypeVar("_Cell", bound=Hashable)


def beaten(scores: Mapping[_Cell, BySeed], scale: Scale, level: float = 0.95) -> set[tuple[_Cell, _Cell]]:
    """The pairs `(winner, loser)` of which `comparison.compare_all`, given all pairs, says that one is better.

    It leaves out what else that says of each pair, so that many cells take little time. Raises ValueError for cells
    without scores, and for scores that are not finite.
    """
    pairs = [*combinations(scores, 2)]
    alpha = (1 - level) / max(1, len(pairs))
    in_order = {cell: [by_seed[seed] for seed in sorted(by_seed)] for cell, by_seed in scores.items()}
    splits = {cell: {scale.solves(score) for score in values} for cell, values in in_order.items()}
    found = {}
    for a, b in pairs:
        paired, normal = scores[a].keys() == scores[b].keys(), len(splits[a] | splits[b]) == 1
        found[a, b] = difference.significance(in_order[a], in_order[b], paired, alpha, normal).p
    told = [pair for pair, p in zip(found, holm([*found.values()]), strict=True) if p <= 1 - level]
    winners = set()
    for a, b in told:
        gain = difference.gain(in_order[a], in_order[b], scores[a].keys() == scores[b].keys(), level, scale.range)
        means = sorted((fmean(in_order[a]), fmean(in_order[b])))
        region = scale.region(means[scale.direction == "max"], MATTERS)
        if not (region and -region <= gain.low and gain.high <= region):  # else they are equivalent
            winners.add((b, a) if scale.better(gain.mean, 0.0) else (a, b))
    return winners
