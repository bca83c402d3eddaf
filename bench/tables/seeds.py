"""The scores of a row's runs by seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bench.results.row import Row
from bench.stats.interval import mean_interval


def latest(attempts: Iterable[Row]) -> list[Row]:
    """The attempt that counts for each seed: the one that ended last, by its record; one that is done before others."""
    found = {}
    for row in sorted(attempts, key=lambda row: (row.status == "done", row.finished, len(row.id), row.id)):
        found[row.seed] = row
    return list(found.values())


def scored(done: list[Row]) -> tuple[str, dict[int, float]]:
    """The test score of each seed; without one the valid score, marked `valid `."""
    scores = over_seeds(done, "test")
    return ("", scores) if scores else ("valid ", over_seeds(done, "valid"))


def over_seeds(done: list[Row], split: str) -> dict[int, float]:
    """The score of each seed on `split`, in the order of the seeds; none where there is none.

    A score that some of the runs lack does not count: the other runs would be a biased choice. Runs of one seed count
    once, by their mean.
    """
    by_seed = defaultdict(list)
    for run in sorted(done, key=lambda run: run.seed):
        by_seed[run.seed].append(getattr(run, split))
    if None in (value for values in by_seed.values() for value in values):
        return {}
    return {seed: mean_interval(values).mean for seed, values in by_seed.items()}
