"""Two lots of scores compared: how far apart they are, how sure that is, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal, TypeVar

from bench.stats import difference
from bench.stats.holm import holm
from bench.stats.improvement import improvement
from bench.stats.interval import Interval
from bench.stats.power import seeds_needed
from bench.stats.scale import MATTERS, Scale

Verdict = Literal["better", "worse", "equivalent", "no difference seen", "too few seeds"]

BySeed = Mapping[Any, float]
"""A score for each seed, in the order of the seeds."""

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How the scores `b` compare with `a`.

    - `paired`: whether by seed: where both have the same seeds.
    - `seeds`: how many `a` and `b` have.
    - `gain`: the mean of `b` less that of `a`, with its interval, in the metric's unit.
    - `improvement`: the probability that a new run of `b` beats one of `a`, with its interval.
    - `p`: the two-sided p-value, corrected for all comparisons made at once, and the `test` that it is from.
    - `region`: the largest difference, in the metric's unit, that does not matter.
    - `verdict`: on `b`. `equivalent` where the whole interval of the gain lies within the region.
    - `more`: about so many more seeds of each would tell, with a probability of 80%; None where that is unknown, as
      from one seed, which shows no spread, or they have told.
    - `equal`: whether the scores of both are equal, by seed where they are paired, which more of the same would not
      tell apart.
    """

    paired: bool
    seeds: tuple[int, int]
    gain: Interval
    improvement: Interval
    p: float
    test: difference.Test
    region: float
    verdict: Verdict
    more: int | None
    equal: bool = False

    @property
    def words(self) -> str:
        """The verdict as people read it."""
        if self.more:
            return f"{self.verdict}: about {self.more:,} more would tell"
        if self.equal and self.verdict in ("no difference seen", "too few seeds"):
            return f"{self.verdict}: equal scores"
        return f"{self.verdict}: one shows no spread" if self.verdict == "too few seeds" else self.verdict


def compare(a: BySeed, b: BySeed, scale: Scale, level: float = 0.95, region: float | None = None) -> Comparison:
    """One comparison; see `compare_all`."""
    return compare_all({0: (a, b)}, scale, level, region)[0]


def compare_all(
    pairs: Mapping[_Key, tuple[BySeed, BySeed]],
    scale: Scale | Mapping[_Key, Scale],
    level: float = 0.95,
    region: float | None = None,
) -> dict[_Key, Comparison]:
    """Each pair `(a, b)` compared, all of them at once: no more than 1 - `level` of such families of comparisons call a
    difference where there is none. `scale` is that of all, or has each pair's.

    The tests are exact wherever so few seeds can tell by them (`bench.stats.difference`). Below, Student's t serves,
    unless some of the seeds solve the task and others do not: such scores are not normal, and the verdict is that there
    are too few seeds. `region` is the largest difference that does not matter, in the metric's unit; by default
    `scale.region` of the better mean.

    Raises ValueError for a lot without scores, and for scores that are not finite.
    """
    for a, b in pairs.values():
        if not a or not b:
            raise ValueError("a comparison needs scores of both")
        if not all(map(math.isfinite, (*a.values(), *b.values()))):
            raise ValueError("a comparison needs scores that are finite")
    alpha = (1 - level) / max(1, len(pairs))
    scales = {key: scale if isinstance(scale, Scale) else scale[key] for key in pairs}
    raw = {key: _compared(a, b, scales[key], level, alpha, region) for key, (a, b) in pairs.items()}
    corrected = holm([each.p for each in raw.values()])
    return {
        key: _judged(replace(each, p=p), *pairs[key], scales[key], level, alpha)
        for (key, each), p in zip(raw.items(), corrected, strict=True)
    }


def _compared(a: BySeed, b: BySeed, scale: Scale, level: float, alpha: float, region: float | None) -> Comparison:
    paired = a.keys() == b.keys()
    first, second = _in_order(a, b)
    normal = not scale.splits((*first, *second))
    gain = difference.gain(first, second, paired, level, scale.range)
    tested = difference.significance(first, second, paired, alpha, normal)
    if not normal and not difference.can_tell(len(a), len(b), paired, alpha):
        gain = Interval(gain.mean, math.nan, math.nan, "")
    means = sorted((fmean(first), fmean(second)))
    return Comparison(
        paired=paired,
        seeds=(len(a), len(b)),
        gain=gain,
        improvement=improvement(first, second, scale.direction, level),
        p=tested.p,
        test=tested.test,
        region=scale.region(means[scale.direction == "max"], MATTERS) if region is None else region,
        verdict="no difference seen",
        more=None,
        equal=first == second if paired else len({*first, *second}) == 1,
    )


def _in_order(a: BySeed, b: BySeed) -> tuple[Sequence[float], Sequence[float]]:
    """The scores by seed, so that those of equal seeds stand in equal places."""
    return [a[seed] for seed in sorted(a)], [b[seed] for seed in sorted(b)]


def _judged(found: Comparison, a: BySeed, b: BySeed, scale: Scale, level: float, alpha: float) -> Comparison:
    """The comparison with its verdict, and with the seeds that it lacks."""
    if found.region and -found.region <= found.gain.low and found.gain.high <= found.region:
        return replace(found, verdict="equivalent")
    if found.p <= 1 - level:
        better = scale.better(found.gain.mean, 0.0)
        return replace(found, verdict="better" if better else "worse")
    if min(found.seeds) < 2:
        return replace(found, verdict="too few seeds")
    needed = _needed(found, *_in_order(a, b), scale, alpha)
    lacking = needed - min(found.seeds)
    return replace(found, verdict="too few seeds", more=lacking) if lacking > 0 else found


def _needed(found: Comparison, a: Sequence[float], b: Sequence[float], scale: Scale, alpha: float) -> int:
    """The seeds with which the difference that was found, or the smallest that matters, is seen; 0 where unknown."""
    deviation, effect = difference.spread(a, b, found.paired), max(abs(found.gain.mean), found.region)
    if not deviation and not found.gain.mean:
        return 0
    needed = seeds_needed(effect / deviation, alpha, found.paired) if deviation else None
    exact = not deviation or scale.splits((*a, *b))
    return max(needed or 0, _fewest(found.paired, alpha) if exact else 0)


def _fewest(paired: bool, alpha: float) -> int:
    """The fewest seeds of each with which an exact test can tell; 0 where none is enough."""
    return next((seeds for seeds in range(2, 30) if difference.can_tell(seeds, seeds, paired, alpha)), 0)
