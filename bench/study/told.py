"""What a comparison that is looked at after each seed has told, and what it cost."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

from bench.printable import printable
from bench.results.record import Record, finite
from bench.stats.scale import Scale
from bench.stats.sequential import Look
from bench.tables.comparisons import differing
from bench.tables.formats import four_digits, one_decimal, score_with_interval, three_digits

Verdict = Literal["better", "worse", "equivalent", "not told"]


@dataclass
class Cost:
    """Of all `runs` of both sides, the `new` ones were not done before, and took so many `seconds`."""

    runs: int = 0
    new: int = 0
    seconds: float = 0.0

    def add(self, record: Record, known: set[str]) -> None:
        """Count a run; those whose ids are `known` cost nothing."""
        self.runs += 1
        if record.id not in known:
            self.new += 1
            self.seconds += record.seconds or 0.0


@dataclass(frozen=True)
class Told:
    """What was told about B, with the last look at the differences by seed, and what it cost.

    `scores` are those of both by seed; `without` are the seeds of which one had none. `last` are the records of the
    last seed with scores.
    """

    verdict: Verdict
    look: Look
    scale: Scale
    scores: dict[int, tuple[float, float]]
    without: list[int]
    cost: Cost
    last: tuple[Record, Record]

    @property
    def means(self) -> tuple[float, float]:
        """The mean score of A and of B."""
        a, b = zip(*self.scores.values(), strict=True)
        return fmean(a), fmean(b)

    def to_text(self, a: str, b: str, p: float, width: int) -> str:
        """What was told about the sides called `a` and `b` at the level `p`, in lines of at most `width`."""
        assert self.last[0].metric is not None
        higher = "higher" if self.scale.direction == "max" else "lower"
        means = [four_digits(mean) for mean in self.means]
        seeds = len(self.scores)
        gain = score_with_interval(self.look.mean, self.look.low, self.look.high)
        lines = [
            f"A: {a}: mean {means[0]}",
            f"B: {b}: mean {means[1]}",
            f"{self.last[0].labels['task']}: {self.last[0].metric['name']}, {higher} is better",
            f"B is {self.verdict}, after {seeds} seed{'s' * (seeds > 1)} of each: p {three_digits(self.look.p)} at any "
            f"look (to be at most {p:g}), B - A: {gain}, bounds that hold at all looks at {1 - p:.4g}",
            f"cost: {self.cost.new} new runs of {self.cost.runs}, {one_decimal(self.cost.seconds)} s",
        ]
        if self.without:
            lines.append(f"left out, without a score of both: seeds {', '.join(map(str, self.without))}")
        for name, ours, theirs in differing(*self.last):
            lines.append(f"differs: {name}: A {ours or '-'}, B {theirs or '-'}")
        wrapped = (textwrap.wrap(printable(line), width, subsequent_indent="    ") for line in lines)
        return "\n".join(line for parts in wrapped for line in parts)

    def to_tree(self) -> dict[str, Any]:
        """All of it in plain types; a bound that is none is null."""
        look = finite(self.look._asdict())
        return {
            "verdict": self.verdict,
            "look": look,
            "means": dict(zip("ab", self.means, strict=True)),
            "scores": {name: {str(k): v[side] for k, v in self.scores.items()} for side, name in enumerate("ab")},
            "without": self.without,
            "cost": asdict(self.cost),
            "differing": {name: {"a": ours, "b": theirs} for name, ours, theirs in differing(*self.last)},
        }
