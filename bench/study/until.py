"""Further seeds of two sides, run until it is told which is better, by a test that may be looked at after each seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bench.config.compose import compose
from bench.config.keywords import quoted
from bench.errors import ConfigError
from bench.job.execute import execute
from bench.job.listener import Listener
from bench.results.record import Record
from bench.results.row import Row
from bench.stats.interval import EVERYTHING
from bench.stats.scale import Scale
from bench.stats.sequential import Look, looks
from bench.study.commits import run_at
from bench.study.told import Cost, Told, Verdict

Showing = Callable[[], AbstractContextManager[Listener | None]]
_SAME = ("name", "unit", "direction")


@dataclass(frozen=True)
class Source:
    """A side whose seeds can be run: `run` gives the id of a seed's run in the store at `results`, done or not."""

    name: str
    results: Path
    run: Callable[[int], str]

    def record(self, seed: int) -> Record:
        return Record.read(self.results / "runs" / self.run(seed))


def of_options(name: str, words: Sequence[str], results_dir: str, showing: Showing = nullcontext) -> Source:
    """The runs of these options, in this process, each followed by what `showing` gives. Raises ConfigError for wrong
    options, at once."""
    given = [*words, f"results_dir={quoted(results_dir)}"]
    compose([*given, "seed=0"])

    def run(seed: int) -> str:
        with showing() as listener:
            return execute(compose([*given, f"seed={seed}"]), listener).id

    return Source(name, Path(results_dir), run)


def of_commit(name: str, commit: str, words: Sequence[str], results: Path) -> Source:
    """The runs of these options with the code of a commit; ConfigError where they are several for a seed."""

    def run(seed: int) -> str:
        found = run_at(commit, [*words, f"seed={seed}"], results, lambda line: None)
        if len(found) > 1:
            raise ConfigError(
                f"compare: {' '.join(words)} are {len(found)} runs for a seed: one has to be told at a time"
            )
        return found.pop()

    return Source(name, results, run)


def until(a: Source, b: Source, seeds: Iterable[int], p: float, say: Callable[[str], object]) -> Told:
    """Run each of the `seeds` with both until the p-value that holds at any look is at most `p`, or until the bounds
    that hold at all looks lie within what does not matter (`bench.stats.sequential`).

    `say` gets a line after each seed. A seed that one side has no score of is left out, and told. Raises ConfigError
    where the two have different tasks, data or metrics, and where no seed has a score of both.
    """
    known = [{path.name for path in (each.results / "runs").glob("[!.]*")} for each in (a, b)]
    cost, scores, without = Cost(), dict[int, tuple[float, float]](), list[int]()
    told = None
    for seed in seeds:
        both = (a.record(seed), b.record(seed))
        for record, ids in zip(both, known, strict=True):
            cost.add(record, ids)
        ours, theirs = (each.score if each.status == "done" else None for each in both)
        if ours is None or theirs is None:
            say(f"seed {seed}: left out: A is {both[0].status}, B is {both[1].status}")
            without.append(seed)
            continue
        scale = _scale(*both)
        scores[seed] = (ours, theirs)
        look = looks([y - x for x, y in scores.values()], 1 - p, _within(scale))[-1]
        say(f"seed {seed}: A {ours:.4g}, B {theirs:.4g}; p {look.p:.3g}, B - A: {look.mean:.4g}")
        told = Told(_verdict(look, scale, scores, p), look, scale, scores, without, cost, both)
        if told.verdict != "not told":
            break
    if told is None:
        raise ConfigError(f"compare: of {cost.runs // 2} seeds none has a score of both sides")
    return told


def _verdict(look: Look, scale: Scale, scores: dict[int, tuple[float, float]], p: float) -> Verdict:
    if look.p <= p:
        return "better" if scale.better(look.mean, 0.0) else "worse"
    means = sorted(map(fmean, zip(*scores.values(), strict=True)))
    region = scale.region(means[scale.direction == "max"])
    return "equivalent" if region and -region <= look.low and look.high <= region else "not told"


def _scale(a: Record, b: Record) -> Scale:
    """The scale of the metric of both."""
    assert a.metric is not None and b.metric is not None
    if a.task != b.task:
        raise ConfigError(f"compare: scores of two tasks are not compared: A has {a.task}, B {b.task}")
    for what in _SAME:
        if a.metric[what] != b.metric[what]:  # type: ignore[literal-required]
            raise ConfigError(f"compare: another {what} of the metric: A has {a.metric[what]}, B {b.metric[what]}")  # type: ignore[literal-required]
    if a.fingerprint != b.fingerprint:
        raise ConfigError(f"compare: other data: A has the fingerprint {a.fingerprint}, B {b.fingerprint}")
    scale = Row.of(a, written=0).scale
    assert scale is not None
    return scale


def _within(scale: Scale) -> tuple[float, float]:
    """The least and the largest difference of two scores."""
    low, high = scale.range
    return (low - high, high - low) if math.isfinite(high - low) else EVERYTHING
