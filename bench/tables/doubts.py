"""Doubts about figures of speed: `contended` and `unsettled`, as a record has them, and their signs in tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from bench.results.row import Row
from bench.tables.formats import with_prefix_apart

_SIGNS = {"contended": "!", "unsettled": "?"}
SLOWED = 1.25
"""How many times as fast the fastest large products of like hardware may be as the slowest."""
_MEANINGS = {
    "!": "measured while other work had the machine",
    "?": "speed was still changing when it was measured",
}


def counted(runs: list[Row], figure: str, marks: str) -> list[Row]:
    """The runs whose `figure` counts: those without `marks` on it, or where each has one all that have the figure."""
    known = [run for run in runs if getattr(run, figure) is not None]
    return [run for run in known if not (marks and getattr(run, marks))] or known


def united(marks: Iterable[str | None]) -> str | None:
    """All marks of several runs, each once; None where there are none."""
    return ", ".join(sorted({mark for several in marks if several for mark in several.split(", ")})) or None


def slowed(rows: Iterable[Row]) -> Iterator[str]:
    """A line on hardware whose large products were not as fast in all runs that no counter calls contended: a host may
    slow a virtual machine, or heat a processor, and no counter tells.
    """
    peaks: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.peak_flop_per_s and row.train_marks is None:
            peaks[row.hardware].append(row.peak_flop_per_s)
    for hardware, found in sorted(peaks.items()):
        if max(found) > SLOWED * min(found):
            ends = " to ".join(f"{with_prefix_apart(end)}FLOP/s" for end in (min(found), max(found)))
            yield (
                f"{hardware}: its large products went at {ends}: the machine itself was slower in some runs, and so "
                "are their speeds (work.peak_flop_per_s of a record; shares of it can be compared)"
            )


def signs(marks: object) -> str:
    """The signs of marks, to be put behind a figure; nothing where there are none."""
    return "".join(sign for mark, sign in _SIGNS.items() if isinstance(marks, str) and mark in marks.split(", "))


def legend(shown: str) -> list[str]:
    """What those of the signs mean that are shown, a phrase each."""
    return [f"{sign} {meaning}" for sign, meaning in _MEANINGS.items() if sign in shown]
