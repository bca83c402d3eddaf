"""The scores of a row's runs by what was drawn in each: by seed, and by the seeds of single sources set apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.results.draws import Draws
from bench.results.row import Row
from bench.stats.crossed import over_units
from bench.stats.interval import mean_interval

FEW = 5
"""The most seeds whose single scores are told."""

Seed = int | str
"""A seed; `data 3` where all runs have one seed and their data others."""


def latest(attempts: Iterable[Row]) -> list[Row]:
    """The attempt that counts for each draw: the one that ended last, by its record; one that is done before others."""
    found = {}
    for row in sorted(attempts, key=lambda row: (row.status == "done", row.finished, len(row.id), row.id)):
        found[row.draws] = row
    return list(found.values())


def of_one_metric(attempts: Iterable[Row]) -> list[list[Row]]:
    """The attempts in lots of one metric and direction, of which records that nobody has edited have one; those that
    ended before it was known are in the first."""
    lots: defaultdict[tuple[str | None, str | None], list[Row]] = defaultdict(list)
    for row in attempts:
        lots[row.metric, row.direction].append(row)
    unknown = lots.pop((None, None), [])
    first, *others = [*lots.values()] or [[]]
    return [[*first, *unknown], *others]


def scored(done: list[Row]) -> tuple[str, dict[Draws, float]]:
    """The test score of each draw; without one the valid score, marked `valid `. Without either, as without a run that
    is done, there is no mark: nothing says that the metric is another than that of other rows."""
    if (scores := over_draws(done, "test")) or not (on_valid := over_draws(done, "valid")):
        return "", scores
    return "valid ", on_valid


def over_draws(done: list[Row], split: str) -> dict[Draws, float]:
    """The score of each draw on `split`, in the order of the seeds; none where there is none.

    A score that some of the runs lack does not count: the other runs would be a biased choice. Runs with the same draws
    count once, by their mean.
    """
    found = defaultdict(list)
    for run in sorted(done, key=lambda run: (run.draws.seed, run.draws.data, run.draws.split or 0)):
        found[run.draws].append(getattr(run, split))
    if None in (value for values in found.values() for value in values):
        return {}
    return {drawn: mean_interval(values).mean for drawn, values in found.items()}


def by_seed(scores: Mapping[Draws, float]) -> dict[Seed, float]:
    """A score for each seed, by which two lots of scores are compared: of several runs with one seed their mean. Where
    all have one seed, a score for each seed of the data, or else of the split."""
    place, found = over_units(scores)
    name = "" if not place else f"{Draws._fields[place]} "
    return {f"{name}{unit}" if name else unit: score for unit, score in found.items()}  # type: ignore[misc]


def seed_of(text: str) -> Seed:
    """The seed that a text says."""
    return int(text) if text.isdigit() else text
