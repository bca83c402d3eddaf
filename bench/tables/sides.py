"""The two sides of a comparison: the runs of each, and which rows of the two belong together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import ConfigError
from bench.results.row import Row
from bench.tables.marks import told_apart
from bench.tables.runs import find_runs, read
from bench.tables.seeds import latest

LABELS = ("task", "cell", "bptt", "budget", "hardware")
_STRICT = ("task", "cell", "budget")
"""Labels that both sides share, unless the words of one name them; in the others they may differ where nothing fits."""


@dataclass(frozen=True)
class Side:
    """One side: its `name`, as its words, its runs (one or more for a seed), and the columns that its words `named`."""

    name: str
    results: Path
    rows: Sequence[Row]
    named: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Group:
    """The runs of one side in one row of its table, the one that counts of each seed."""

    results: Path
    labels: Mapping[str, str]
    runs: list[Row]

    @property
    def done(self) -> list[Row]:
        return [run for run in self.runs if run.status == "done"]

    @property
    def failures(self) -> str:
        """How many runs ended otherwise, by their status: `2 diverged, 1 failed`; empty for none."""
        counts = Counter(run.status for run in self.runs if run.status != "done")
        return ", ".join(f"{count} {status}" for status, count in counts.items())


class Pair(NamedTuple):
    """A row of each side."""

    a: Group
    b: Group

    def label(self, name: str) -> str:
        """A label of both, or that of each where they differ."""
        ours, theirs = self.a.labels[name], self.b.labels[name]
        return ours if ours == theirs else f"{ours} | {theirs}"


def side(
    name: str, results: Path, where: Mapping[str, Sequence[Any]], named: Iterable[str], warn: Callable[[str], object]
) -> Side:
    """The runs in `results` that match `where`; a label that is written in full wins over those that begin with it.

    Raises ConfigError where no run fits, and as `find_runs` does.
    """
    found = find_runs(results, where, warn)
    for column in {*LABELS} & where.keys():
        if {*where[column]} <= {*found[column]}:
            found = found[found[column].isin(where[column])]
    if found.empty:
        raise ConfigError(f"{name}: no run in {results} fits; python -m bench runs lists those that there are")
    ids = {*found["id"]}
    return Side(name, results, [row for row in read(results, lambda line: None) if row.id in ids], frozenset(named))


def matched(a: Side, b: Side) -> tuple[list[Pair], list[str]]:
    """The rows of the two sides that belong together, and a line for each that has no partner.

    Partners have one task and budget, and one cell unless the sides name it. Of several with these labels, those with
    equal training and hardware belong together; where each side has only one, they do whatever these are.
    """
    strict = [name for name in _STRICT if name not in a.named | b.named]
    found: defaultdict[tuple[str, ...], tuple[list[Group], list[Group]]] = defaultdict(lambda: ([], []))
    for place, each in enumerate((a, b)):
        for group in _groups(each):
            found[tuple(group.labels[name] for name in strict)][place].append(group)
    pairs: list[Pair] = []
    lines: list[str] = []
    for ours, theirs in found.values():
        together = [Pair(x, y) for x in ours for y in theirs if _alike(x, y, a.named | b.named)]
        if not together and len(ours) == len(theirs) == 1:
            together = [Pair(ours[0], theirs[0])]
        paired = [each for pair in together for each in pair]
        if len({*map(id, paired)}) < len(paired):
            lines.append(_several("A", ours) if len(ours) > 1 else _several("B", theirs))
            continue
        pairs += together
        lines += _alone("A", [x for x in ours if x not in paired])
        lines += _alone("B", [x for x in theirs if x not in paired])
    return pairs, lines


def _groups(each: Side) -> Iterator[Group]:
    groups = defaultdict(list)
    for row in told_apart([row for row in each.rows if row.status != "interrupted"]):
        groups[tuple(getattr(row, name) for name in LABELS)].append(row)
    for labels, runs in sorted(groups.items()):
        yield Group(each.results, dict(zip(LABELS, labels, strict=True)), latest(runs))


def _alike(x: Group, y: Group, named: frozenset[str]) -> bool:
    return all(x.labels[name] == y.labels[name] for name in LABELS if name not in (*_STRICT, *named))


def _alone(name: str, groups: Iterable[Group]) -> Iterator[str]:
    for group in groups:
        yield f"only {name} has {', '.join(group.labels.values())}"


def _several(name: str, groups: Sequence[Group]) -> str:
    first = groups[0].labels
    differing = [label for label in LABELS if len({group.labels[label] for group in groups}) > 1]
    rows = "; ".join(", ".join(group.labels[label] for label in differing) for group in groups)
    return f"{first['task']}: several rows of {name} fit ({rows}): name one, as {differing[0]}='...'"
