"""A comparison of two sides for a terminal, and as plain types for JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from bench.printable import printable
from bench.results.record import finite
from bench.stats.interval import Interval
from bench.tables.comparisons import SPEEDS, Compared, Comparisons
from bench.tables.fitted import Field, lines
from bench.tables.formats import score_with_interval, three_digits
from bench.tables.sides import LABELS

_BELOW = "  "
_LOST = "B is worse: it has no run that is done where A has some"
_What = TypeVar("_What")


def to_text(found: Comparisons, width: int) -> str:
    """The comparisons as a table with a row each, and below it what is to be known beside it, in lines of at most
    `width`: notes, ratios of speeds, what was not compared, and side by side the options that differ."""
    pairs = [each.pair for each in found.found]
    shown = [name for name in LABELS if len({pair.label(name) for pair in pairs}) > 1]
    head = [f"A: {found.a.name}", f"B: {found.b.name}"]
    if pairs:
        head += ["; ".join(pairs[0].label(name) for name in LABELS if name not in shown)]
    count = len(pairs)
    head += [f"intervals at {found.level:.4g}" + (f"; p corrected for {count} comparisons (Holm)" if count > 1 else "")]
    table, left_out = lines(_fields(found.found, shown), width) if pairs else ([], [])
    below = [*_below(found.found, shown), *(f"not compared: {line}" for line in found.left)]
    below += [_LOST] if found.lost else []
    below += [f"a wider screen shows {', '.join(left_out)} too; --json has all"] if left_out else []
    parts = [_wrapped(head, width), table, _wrapped(below, width), _differing(found.found, shown, width)]
    return "\n\n".join("\n".join(map(printable, part)) for part in parts if part)


def _wrapped(texts: Sequence[str], width: int) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, width, subsequent_indent=2 * _BELOW)]


def _fields(found: Sequence[Compared], shown: Sequence[str]) -> list[Field]:
    each = [(one, one.comparison) for one in found]
    return [
        *(Field(name, [one.pair.label(name) for one in found], left=True) for name in shown),
        Field("metric", [_metric(one) for one in found], left=True, spare=2),
        Field("seeds", [_seeds(one) for one in found], left=True),
        *(Field("AB"[side], [_interval(one.means[side]) for one in found], True, folds=False) for side in (0, 1)),
        Field("B - A", [_interval(compared.gain) for _, compared in each], True, folds=False),
        Field("p", [_p(compared.p, compared.test) for _, compared in each]),
        Field("B wins", [_interval(compared.improvement) for _, compared in each], True, 1, folds=False),
        Field("B is", [compared.words for _, compared in each], left=True),
    ]


def _metric(one: Compared) -> str:
    return f"{one.metric} ({'higher' if one.scale.direction == 'max' else 'lower'} is better)"


def _seeds(one: Compared) -> str:
    a, b = one.comparison.seeds
    return f"{a} paired" if one.comparison.paired else f"{a} and {b}"


def _interval(interval: Interval) -> str:
    return score_with_interval(interval.mean, interval.low, interval.high)


def _p(p: float, test: str) -> str:
    return "-" if test == "none" else three_digits(p)


def _below(found: Sequence[Compared], shown: Sequence[str]) -> Iterator[str]:
    """Lines about each comparison after its labels."""
    said = _said((each, line) for each in found for line in (*each.notes, *_speeds(each)))
    for line, some in said.items():
        where = _where(some, found, shown)
        yield f"{where}: {line}" if where else line


def _speeds(each: Compared) -> Iterator[str]:
    ratios = [f"{c.title} {each.ratios[c.name]}" for c in SPEEDS if c.name in each.ratios]
    if ratios:
        yield f"B / A: {', '.join(ratios)}"


def _differing(found: Sequence[Compared], shown: Sequence[str], width: int) -> list[str]:
    """What differs, side by side."""
    said = _said((each, difference) for each in found for difference in each.differing)
    if not said:
        return []
    where = [_where(each, found, shown) for each in said.values()]
    fields = [Field("in", where, left=True)] if any(where) else []
    fields.append(Field("what differs", [name for name, _, _ in said], left=True))
    fields += [Field("AB"[side - 1], [_option(each[side]) for each in said], left=True) for side in (1, 2)]
    return lines(fields, width)[0]


def _said(about: Iterable[tuple[Compared, _What]]) -> dict[_What, list[Compared]]:
    """What is said of comparisons, each once, with those that it is said of."""
    said: dict[_What, list[Compared]] = {}
    for each, what in about:
        said.setdefault(what, []).append(each)
    return said


def _where(some: Sequence[Compared], found: Sequence[Compared], shown: Sequence[str]) -> str:
    """The labels of some comparisons; empty for all of them."""
    if len(some) == len(found):
        return ""
    return "; ".join(", ".join(each.pair.label(name) for name in shown) for each in some)


def _option(value: Any) -> str:
    return "-" if value is None else str(value)


def to_tree(found: Comparisons) -> dict[str, Any]:
    """All of it in plain types; a number that is none is null."""
    tree = {
        "a": found.a.name,
        "b": found.b.name,
        "level": found.level,
        "worse": found.worse,
        "comparisons": [_tree(each) for each in found.found],
        "not_compared": found.left,
    }
    return finite(tree)


def _tree(each: Compared) -> dict[str, Any]:
    labels = {name: {"a": each.pair.a.labels[name], "b": each.pair.b.labels[name]} for name in LABELS}
    compared = asdict(each.comparison)
    return {
        **labels,
        "metric": each.metric,
        "direction": each.scale.direction,
        "scores": {name: {str(seed): score for seed, score in scores.items()} for name, scores in _sides(each.scores)},
        "means": {name: mean._asdict() for name, mean in _sides(each.means)},
        **compared,
        "gain": each.comparison.gain._asdict(),
        "improvement": each.comparison.improvement._asdict(),
        "words": each.comparison.words,
        "speed_ratios": {name: ratio._asdict() for name, ratio in each.ratios.items()},
        "notes": list(each.notes),
        "differing": {name: {"a": ours, "b": theirs} for name, ours, theirs in each.differing},
    }


def _sides(both: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    return zip("ab", both, strict=True)
