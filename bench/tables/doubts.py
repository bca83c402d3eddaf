"""Doubts about figures of speed: `contended` and `unsettled`, as a record has them, and their signs in tables."""

from __future__ import annotations

from collections.abc import Iterable

from bench.results.row import Row

_SIGNS = {"contended": "!", "unsettled": "?"}
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


def signs(marks: object) -> str:
    """The signs of marks, to be put behind a figure; nothing where there are none."""
    return "".join(sign for mark, sign in _SIGNS.items() if isinstance(marks, str) and mark in marks.split(", "))


def legend(shown: str) -> list[str]:
    """What those of the signs mean that are shown, a phrase each."""
    return [f"{sign} {meaning}" for sign, meaning in _MEANINGS.items() if sign in shown]
