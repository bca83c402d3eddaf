"""A grid of configurations measured for speed alone: its members are prepared and sampled in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from bench.config.options import Options
from bench.config.role import Role
from bench.config.roles import role_of
from bench.config.schema import MeasureConfig
from bench.config.tree import flatten, written
from bench.errors import BenchError, ConfigError
from bench.hardware.contention import Patience
from bench.hardware.load import Gauge
from bench.hardware.settings import torch_settings_kept
from bench.hardware.turn import turn
from bench.job.counted import limits_of
from bench.job.opening import resource_doubts
from bench.job.prepared import Prepared, prepare
from bench.measure.flops import parameter_count
from bench.measure.grid import Entry, Turns
from bench.results.provenance import git, versions
from bench.results.speeds import FIGURES, Clock, Figure, Measured, Speeds, named, refuse_one_name
from bench.train.setup import Setup

CLOCKS: dict[Clock, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""`wall` is what a user waits for; `cpu` is the processor time of the process, which other work disturbs less."""


def varied(members: Sequence[Options]) -> list[dict[str, Any]]:
    """The options in which the members differ, of each; task and cell where they differ in nothing.

    These are the choices and changed options that differ, and, where two members are alike in those, whatever else
    tells them apart, as their hardware: no two have one name. Raises ConfigError where two are the same.
    """
    trees = [{**flatten(each.tree), **each.choices} for each in members]
    first = dict.fromkeys(key for each in members for key in (*each.choices, *each.changed))
    differing = [key for key in first if len({_words(tree, [key]) for tree in trees}) > 1]
    for key in dict.fromkeys(key for tree in trees for key in tree):
        if len({_words(tree, [*differing, key]) for tree in trees}) > len({_words(tree, differing) for tree in trees}):
            differing.append(key)
    found = [_chosen(tree, differing or ["task", "cell"]) for tree in trees]
    refuse_one_name(found)
    return found


def _chosen(tree: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: tree[key] for key in keys if key in tree}


def _words(tree: Mapping[str, Any], keys: Iterable[str]) -> str:
    return named(_chosen(tree, keys))


def measure(
    members: Sequence[Options],
    figures: Iterable[Figure] = FIGURES,
    clock: Clock = "wall",
    told: Callable[[str], None] = lambda line: None,
    ready: Callable[[Speeds], None] = lambda grid: None,
) -> Speeds:
    """The speeds of the members, each figure sampled for `measure.seconds` a member, all in turn.

    Nothing is trained and no record is written. A member that cannot be built is `refused`, with the reason. `told`
    gets a line whenever something begins, and where a member has more threads than processors or is likely to run out
    of memory. `ready` gets the grid without figures once all members are built: what it raises ends the call before
    anything is sampled. Up to `measure.retry` seconds in all are spent on waiting for a quiet machine. Raises
    ConfigError where no member can be built, where `measure.seconds` or `measure.retry` differ, and Busy while a run is
    under way in this process.
    """
    sampling, gauge = alike(members), Gauge()
    with torch_settings_kept():
        grid, entries = build(members, clock, told)
        ready(grid)
        turns = Turns(sampling.seconds, CLOCKS[clock], gauge, Patience(sampling.retry, gauge))
        with turn():
            for member, entry in zip(grid.members, entries, strict=True):
                member.limits.update(limits_of(entry.setup))
            for figure in figures:
                able = [place for place, each in enumerate(entries) if each.has(figure)]
                told(f"measuring {figure} of {len(able)} members in turn")
                for place, found in zip(able, turns.measure([entries[p] for p in able], figure), strict=True):
                    grid.members[place].figures[figure] = found
    return grid


def build(
    members: Sequence[Options], clock: Clock, told: Callable[[str], None] = lambda line: None
) -> tuple[Speeds, list[Entry]]:
    """The grid without figures, and an entry for each of its `members`: all that could be built. Raises ConfigError
    where none can, and Busy; `told` as for `measure`.
    """
    names, gauge = varied(members), Gauge()
    refused: dict[str, str] = {}
    measured: list[Measured] = []
    entries: list[Entry] = []
    for each, options in zip(names, members, strict=True):
        name = named(each)
        told(f"preparing {name}")
        try:
            prepared = prepare(options)
            setup = _built(prepared)
        except BenchError as error:
            refused[name] = str(error)
            continue
        entries.append(Entry(name, setup))
        for line in resource_doubts(prepared, gauge):
            told(f"{name}: {line}")
        label, model = setup.machine.label, setup.model
        measured.append(
            Measured(each, label, parameter_count(model), setup.unroll, model.form.refused, {}, *_deciding(options))
        )
    if not entries:
        raise ConfigError("; ".join(f"{name}: {reason}" for name, reason in refused.items()))
    machine = dict(entries[0].setup.machine.facts())
    return Speeds(names, measured, refused, clock, machine, versions(), git()), entries


def _deciding(options: Options) -> tuple[dict[str, Any], list[str]]:
    """The options that decide how fast a member is, and those of them that were changed.

    Left out are budget, upkeep and folders, the device, which the machine says, and the classes that choices name.
    """
    found = {
        key: value
        for key, value in {**flatten(options.tree), **options.choices}.items()
        if _decides_speed(role_of(key)) and (not key.endswith("._target_") or key in options.changed)
    }
    return found, [key for key in options.changed if key in found]


def _decides_speed(role: Role) -> bool:
    return role.decides and (role.column == "hardware" or not role.resumable)


def alike(members: Sequence[Options]) -> MeasureConfig:
    """How all members are sampled; ConfigError where they are not to be sampled alike."""
    first = members[0].config.measure
    for each in fields(first):
        if len(values := {getattr(member.config.measure, each.name): None for member in members}) > 1:
            given = ",".join(map(written, values))
            raise ConfigError(f"measure.{each.name}={given}: all members are sampled alike, in turn: give one value")
    return first


def _built(prepared: Prepared) -> Setup:
    """What a run of these options would train, checked as before a run; raises whatever is wrong."""
    if prepared.error is not None:
        raise prepared.error
    assert prepared.setup is not None
    return prepared.setup
