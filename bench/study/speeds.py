"""A grid of configurations measured for speed alone: its members are prepared and sampled in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.config.options import Options
from bench.config.tree import flatten
from bench.errors import BenchError, ConfigError
from bench.hardware.settings import torch_settings_kept
from bench.hardware.turn import turn
from bench.job.prepared import prepare
from bench.measure.flops import parameter_count
from bench.measure.grid import Entry, Turns
from bench.results.provenance import git, versions
from bench.results.speeds import FIGURES, Figure, Measured, Speeds, named
from bench.train.setup import Setup

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""`wall` is what a user waits for; `cpu` is the processor time of the process, which other work disturbs less."""


def varied(members: Sequence[Options]) -> list[dict[str, Any]]:
    """The options in which the members differ, of each; task and cell where they differ in nothing."""
    trees = [{**flatten(each.tree), **each.choices} for each in members]
    named = dict.fromkeys(key for each in members for key in (*each.choices, *each.changed))
    differing = [key for key in named if len({str(tree.get(key)) for tree in trees}) > 1] or ["task", "cell"]
    return [{key: tree[key] for key in differing if key in tree} for tree in trees]


def measure(
    members: Sequence[Options],
    figures: Iterable[Figure] = FIGURES,
    clock: str = "wall",
    told: Callable[[str], None] = lambda line: None,
) -> Speeds:
    """The speeds of the members, each figure sampled for `measure.seconds` a member, all in turn.

    Nothing is trained and no record is written. A member that cannot be built is `refused`, with the reason. `told`
    gets a line whenever something begins. Raises ConfigError where no member can be built, and Busy while a run is
    under way in this process.
    """
    refused: dict[str, str] = {}
    measured: list[Measured] = []
    entries: list[Entry] = []
    with torch_settings_kept():
        names = varied(members)
        for each, options in zip(names, members, strict=True):
            name = named(each)
            told(f"preparing {name}")
            try:
                entries.append(Entry(name, _built(options)))
            except BenchError as error:
                refused[name] = str(error)
                continue
            setup = entries[-1].setup
            label, model = setup.machine.label, setup.model
            measured.append(Measured(each, label, parameter_count(model), setup.unroll, model.form.refused))
        if not entries:
            raise ConfigError("; ".join(f"{name}: {reason}" for name, reason in refused.items()))
        turns = Turns(members[0].config.measure.seconds, CLOCKS[clock])
        with turn():
            for figure in figures:
                able = [
                    place
                    for place, each in enumerate(entries)
                    if figure != "step" or not each.setup.model.bidirectional
                ]
                told(f"measuring {figure} of {len(able)} members in turn")
                for place, found in zip(able, turns.measure([entries[p] for p in able], figure), strict=True):
                    measured[place].figures[figure] = found
        machine = dict(entries[0].setup.machine.facts())
    return Speeds(names, measured, refused, clock, machine, versions(), git())


def _built(options: Options) -> Setup:
    """What a run of these options would train, checked as before a run; raises whatever is wrong."""
    prepared = prepare(options)
    if prepared.error is not None:
        raise prepared.error
    assert prepared.setup is not None
    return prepared.setup
