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
from bench.errors import ConfigError, Failed
from bench.hardware.contention import Patience
from bench.hardware.load import Gauge
from bench.hardware.settings import torch_settings_kept
from bench.hardware.turn import turn
from bench.job.counted import limits_of
from bench.job.opening import resource_doubts
from bench.job.prepared import Prepared, prepare
from bench.job.reason import reason_of
from bench.measure.flops import parameter_count
from bench.measure.grid import Entry, Lost, Turns
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
    figures: Sequence[Figure] = FIGURES,
    clock: Clock = "wall",
    told: Callable[[str], None] = lambda line: None,
    ready: Callable[[Speeds], None] = lambda grid: None,
) -> Speeds:
    """The speeds of the members, each figure sampled for `measure.seconds` a member, all in turn.

    Nothing is trained and no record is written. A member that cannot be built is `refused`, with the reason, and so is
    one that fails while it is sampled, as where memory runs out: it keeps the figures that it had before. `told`
    gets a line whenever something begins, and where a member has more threads than processors or is likely to run out
    of memory. `ready` gets the grid without figures once all members are built: what it raises ends the call before
    anything is sampled. Up to `measure.retry` seconds in all are spent on waiting for a quiet machine. Raises
    ConfigError where no member can be built or has any of the figures, where `measure.seconds` or `measure.retry`
    differ, Failed where each fails, and Busy while a run is under way in this process.
    """
    sampling, gauge = alike(members), Gauge()
    with torch_settings_kept():
        grid, entries = build(members, clock, told)
        refuse_without(grid, figures)
        ready(grid)
        turns = Turns(sampling.seconds, CLOCKS[clock], gauge, Patience(sampling.retry, gauge))
        with turn():
            for member, entry in zip(grid.members, entries, strict=True):
                member.limits.update(limits_of(entry.setup))
            for figure in figures:
                told(f"measuring {figure} of {sum(each.has(figure) for each in entries)} members in turn")
                _sample(grid, entries, figure, turns)
    keep_measured(grid)
    return grid


def _sample(grid: Speeds, entries: list[Entry], figure: Figure, turns: Turns) -> None:
    """Sample a figure of all entries that have it. One that fails is refused and goes, and the others start anew."""
    while able := [each for each in entries if each.has(figure)]:
        try:
            found = dict(zip([each.name for each in able], turns.measure(able, figure), strict=True))
        except Lost as lost:
            grid.refused[lost.name] = f"{figure}: {why(lost)}"
            entries[:] = [each for each in entries if each.name != lost.name]
            continue
        for member in grid.members:
            member.figures.update({figure: found[member.name]} if member.name in found else {})
        return


def why(lost: Lost) -> str:
    """Why a member failed, in a line."""
    return reason_of(lost.__cause__ or lost)


def refuse_without(grid: Speeds, figures: Sequence[Figure]) -> None:
    """Raise ConfigError where no member has any of the figures."""
    if all(figure in member.lacks for member in grid.members for figure in figures):
        name, reason = grid.members[0].name, grid.members[0].lacks[figures[0]]
        raise ConfigError(f"--figures={','.join(figures)}: there is nothing to measure: {name}: {reason}")


def keep_measured(grid: Speeds) -> None:
    """Leave out the members that were refused and have no figure; raises Failed where none is left."""
    grid.members[:] = [member for member in grid.members if member.figures or member.name not in grid.refused]
    if not grid.members:
        raise Failed("; ".join(f"{name}: {reason}" for name, reason in grid.refused.items()))


def build(
    members: Sequence[Options], clock: Clock, told: Callable[[str], None] = lambda line: None
) -> tuple[Speeds, list[Entry]]:
    """The grid without figures, and an entry for each of its `members`: all that could be built. Raises ConfigError
    where none can, or the clock is not one of its device, and Busy; `told` as for `measure`.
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
            entry = Entry(name, setup)
        except Exception as error:
            refused[name] = reason_of(error)
            continue
        if clock == "cpu" and (device := setup.machine.device.type) != "cpu":
            raise ConfigError(
                f"--clock=cpu: {name} computes on {device}, which takes no time of a processor: leave it out, or set "
                "hardware.device=cpu"
            )
        entries.append(entry)
        for line in resource_doubts(prepared, gauge):
            told(f"{name}: {line}")
        label, model = setup.machine.label, setup.model
        measured.append(
            Measured(
                each,
                label,
                parameter_count(model),
                setup.unroll,
                model.form.refused,
                {},
                *_deciding(options),
                lacks=entry.lacks,
            )
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
