"""Rows of several cells on several tasks, and their overviews."""

from __future__ import annotations

from random import Random

from factories import a_row

from bench.tables.columns import BEHIND, COLUMNS
from bench.tables.overview import overviews
from bench.tables.tabulate import tabulate

SEEDS = 6


def runs(cell, score, task="copy-v1", seeds=SEEDS, spread=0.002, **changes):
    """Seeds of a cell around `score`, of which no two lots have equal differences."""
    noise = Random(f"{cell} {task}")
    return [
        a_row(id=f"{task}-{cell}-{n}", cell=cell, task=task, seed=n, test=score + spread * noise.gauss(), **changes)
        for n in range(seeds)
    ]


def views(*rows, group=None):
    return [*overviews(tabulate([row for lot in rows for row in lot], (*COLUMNS, *BEHIND)), group)]
