"""Two sides compared row by row: scores, speeds, and the options and code in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.config.roles import role_of
from bench.config.tree import flatten, written
from bench.results.record import Record
from bench.results.row import Row
from bench.stats.bootstrap import Ratio, ratio_of_medians
from bench.stats.comparison import BySeed, Comparison, compare_all
from bench.stats.crossed import mean_of_runs
from bench.stats.interval import Interval
from bench.stats.scale import Scale
from bench.tables.columns import COLUMNS, Column
from bench.tables.doubts import counted
from bench.tables.formats import four_digits
from bench.tables.seeds import FEW, Seed, by_seed, of_one_metric, scored
from bench.tables.sides import Group, Pair, Side, matched

SPEEDS = tuple(column for column in COLUMNS if column.of == "median" and column.marks and column.shown)
"""The figures of speed of which a comparison states the ratio."""

Difference = tuple[str, str | None, str | None]
"""A name, and what each side has, as it is written in a command."""


@dataclass(frozen=True)
class Compared:
    """A row of each side, compared. `metric` begins with `valid` where the test split is empty."""

    pair: Pair
    metric: str
    scale: Scale
    scores: tuple[BySeed, BySeed]
    means: tuple[Interval, Interval]
    comparison: Comparison
    ratios: Mapping[str, Ratio]
    """B's speed over A's, by the column's name; none from other hardware or from a busy machine."""
    notes: Sequence[str]
    differing: Sequence[Difference]


@dataclass(frozen=True)
class Comparisons:
    """All that was compared at once; `left` says in lines what was not, and why. `lost`: B has no run that is done
    where A has."""

    a: Side
    b: Side
    level: float
    found: list[Compared]
    left: list[str]
    lost: bool

    @property
    def worse(self) -> bool:
        """Whether B is worse in any comparison."""
        return self.lost or any(each.comparison.verdict == "worse" for each in self.found)


def compare_sides(a: Side, b: Side, level: float = 0.95) -> Comparisons:
    """Each row of `a` with the row of `b` that belongs to it, all of them at once (`bench.stats.comparison`).

    Rows of different budgets, data or metrics are not compared, and said to be left.
    """
    pairs, left = matched(a, b)
    lost = any(pair.a.done and not pair.b.done for pair in pairs)
    able = []
    for pair in pairs:
        if why := _unable(pair):
            left.append(f"{pair.label('task')}, {pair.label('cell')}: {why}")
        else:
            able.append(pair)
    scores = {place: (_by_seed(pair.a), _by_seed(pair.b)) for place, pair in enumerate(able)}
    scales = {place: _scale(pair.a) for place, pair in enumerate(able)}
    judged = compare_all(scores, scales, level)
    found = [_compared(pair, scores[place], scales[place], judged[place], level) for place, pair in enumerate(able)]
    return Comparisons(a, b, level, found, left, lost)


def _unable(pair: Pair) -> str | None:
    """Why two rows cannot be compared."""
    for name, group in zip("AB", pair, strict=True):
        if not group.done:
            return f"{name} has no run that is done ({group.failures}: {group.runs[0].reason})"
        if not scored(group.done)[1]:
            return f"{name} has runs without a score"
        if len(lots := of_one_metric(group.done)) > 1:
            said = ", ".join(f"{len(lot)} in {lot[0].metric} ({lot[0].direction})" for lot in lots)
            return f"{name} has runs in several metrics, {said}: bench verify says which were edited"
    a, b = pair.a.done[0], pair.b.done[0]
    for what in ("metric", "unit", "direction"):
        if getattr(a, what) != getattr(b, what):
            return f"another {what}: A has {getattr(a, what)}, B {getattr(b, what)}"
    if a.fingerprint != b.fingerprint:
        return f"other data: A's have the fingerprint {_short(a.fingerprint)}, B's {_short(b.fingerprint)}"
    splits = [scored(group.done)[0].strip() or "test" for group in pair]
    return f"A is scored on {splits[0]}, B on {splits[1]}" if splits[0] != splits[1] else None


def _by_seed(group: Group) -> BySeed:
    return by_seed(scored(group.done)[1])


def _short(text: str | None) -> str:
    return (text or "none")[:12]


def _scale(group: Group) -> Scale:
    scale = group.done[0].scale
    assert scale is not None  # a run that is done has a metric
    return scale


def _compared(
    pair: Pair, scores: tuple[BySeed, BySeed], scale: Scale, comparison: Comparison, level: float
) -> Compared:
    means = tuple(mean_of_runs(scored(group.done)[1], level, scale.range) for group in pair)
    ratios, doubts = _ratios(pair)
    return Compared(
        pair,
        f"{scored(pair.a.done)[0]}{pair.a.done[0].metric}",
        scale,
        scores,
        (means[0], means[1]),
        comparison,
        ratios,
        [*_notes(pair, scores, scale), *doubts],
        [*differing(*(_record(group) for group in pair))],
    )


def _notes(pair: Pair, scores: tuple[BySeed, BySeed], scale: Scale) -> Iterator[str]:
    """What is to be known beside the figures."""
    a, b = scores
    if a.keys() != b.keys():
        yield f"unpaired: A has seeds {_listed(a)}, B {_listed(b)}"
    for name, group, each in zip("AB", pair, scores, strict=True):
        if len(runs := scored(group.done)[1]) > len(each):
            yield (
                f"{name}: {len(runs)} runs count as {len(each)}, by seed: that several share the order of the data or "
                "the split is not reckoned with"
            )
        if group.failures:
            yield f"{name}: of {len(group.runs)} runs {group.failures}; these are in no mean"
    if scale.splits((*a.values(), *b.values())):
        reached = [f"{sum(map(scale.solves, each.values()))} of {len(each)}{_each(each)}" for each in scores]
        yield f"seeds on target: A {reached[0]}, B {reached[1]}"


def _each(scores: BySeed) -> str:
    """Each of a few scores."""
    return f" ({', '.join(map(four_digits, scores.values()))})" if len(scores) <= FEW else ""


def _listed(seeds: Mapping[Seed, float]) -> str:
    return ", ".join(map(str, seeds))


def _ratios(pair: Pair) -> tuple[dict[str, Ratio], list[str]]:
    """The ratios of speeds, and why there are none of some."""
    if pair.a.labels["hardware"] != pair.b.labels["hardware"]:
        return {}, ["speeds are not compared: the hardware differs"]
    ratios, contended = {}, []
    for column in SPEEDS:
        ours, theirs = (counted(group.done, column.name, column.marks) for group in pair)
        if any("contended" in (getattr(run, column.marks) or "") for run in (*ours, *theirs)):
            contended.append(column.title)
        elif ours and theirs:
            ratios[column.name] = ratio_of_medians(_figures(theirs, column), _figures(ours, column))
    return ratios, [f"not compared, since contended: {', '.join(contended)}"] if contended else []


def _figures(runs: Sequence[Row], column: Column) -> list[float]:
    return [getattr(run, column.name) for run in runs]


def _record(group: Group) -> Record:
    return Record.read(group.results / "runs" / group.done[0].id)


def differing(a: Record, b: Record) -> Iterator[Difference]:
    """The options, the code and the machine in which two runs differ; paths of files apart."""
    ours, theirs = map(_facts, (a, b))
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            yield name, _said(ours.get(name)), _said(theirs.get(name))


def _said(value: Any) -> str | None:
    return None if value is None else written(value)


def _facts(record: Record) -> dict[str, Any]:
    options = flatten(record.config)
    facts = {
        name: value
        for name, value in options.items()
        if name.partition(".")[0] not in ("seed", "seeds") and not role_of(name).place
    }
    code = {f"code of the {role}": state for role, state in (record.code or {}).items()}
    versions = {f"version of {name}": version for name, version in record.versions.items()}
    return {
        **facts,
        "parameters": record.params,
        "form over time": record.unroll,
        "hardware": record.labels["hardware"],
        **code,
        "code of bench": _short(record.harness),
        "commit": _short(record.git.get("commit")),
        **versions,
    }
