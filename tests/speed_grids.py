"""Grids of speeds, for the tests of their files and tables."""

from bench.results.speeds import Measured, Speeds
from bench.stats.summary import summarise


def a_grid(*members, clock="wall", marks=(), options=None, changed=(), **machine):
    """Members as pairs of their options and of the samples of a training step, all with the same `marks`, and with the
    same `options` that do not vary, of which some are `changed`."""
    found = [
        Measured(
            varied,
            figures={"train": {**summarise(times), "marks": dict.fromkeys(marks, "as said")}},
            options=None if options is None else {**options, **varied},
            changed=[*changed],
        )
        for varied, times in members
    ]
    return Speeds([options for options, _ in members], found, {}, clock, {"host": "a chip", **machine}, {}, {})
