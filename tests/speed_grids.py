"""Grids of speeds, for the tests of their files and tables."""

from bench.results.speeds import Measured, Speeds
from bench.stats.summary import summarise


def a_grid(*members, clock="wall", **machine):
    """Members as pairs of their options and of the samples of a training step."""
    found = [Measured(options, figures={"train": {**summarise(times), "marks": {}}}) for options, times in members]
    return Speeds([options for options, _ in members], found, {}, clock, {"host": "a chip", **machine}, {}, {})
