"""Whether grids of speeds can be compared: what differs between them, and what only some of them have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from bench.config.tree import written
from bench.errors import ConfigError
from bench.results.speeds import Measured, Speeds

_SAME = ("host", "name", "device", "system")
"""What two machines are told apart by."""
_MOST = 5
"""Options that are named where many differ."""

Files = Mapping[str, Speeds]
"""Grids by the names of their files."""
Key = tuple[str, str]
"""A member's name and a figure."""


def figures_of(grid: Speeds) -> dict[Key, dict[str, Any]]:
    """Each figure by its member and name."""
    return {(m.name, name): figure for m in grid.members for name, figure in m.figures.items()}


def lacking(key: Key, files: Files) -> list[str]:
    """The files that lack a figure."""
    return [name for name, grid in files.items() if key not in figures_of(grid)]


def refuse(now: Speeds, figures: Iterable[str], before: Files, other_machine: bool = False) -> None:
    """Raise ConfigError where `figures` of a grid cannot be compared with all those before.

    That is where clocks, machines or options differ, or no figure is in all of them. `now` may lack its samples yet.
    """
    for name, grid in before.items():
        refuse_clock(now.clock, name, grid)
        theirs, ours = ({key: each.machine.get(key) for key in _SAME} for each in (grid, now))
        if theirs != ours and not other_machine:
            said = next(f"{key} {theirs[key]}, and here {ours[key]}" for key in _SAME if theirs[key] != ours[key])
            raise ConfigError(
                f"--compare: {name} is of another machine ({said}); add --other-machine to compare anyway"
            )
        refuse_other_options(now, name, grid)
    wanted = [(member.name, figure) for member in now.members for figure in figures]
    if before and all(lacking(key, before) for key in wanted):
        first, grid = next(iter(before.items()))
        have = "; ".join(f"{member.name} ({', '.join(member.figures)})" for member in grid.members)
        raise ConfigError(f"--compare: no figure of these members is in all files; {first} has {have}")


def refuse_other_options(now: Speeds, name: str, before: Speeds) -> None:
    """Raise ConfigError where a member of one name has other options in a grid before."""
    here = {member.name: member for member in now.members}
    for member in before.members:
        if member.name in here and (differing := [*_differing(here[member.name], member)]):
            more = f" and {len(differing) - _MOST} more" * (len(differing) > _MOST)
            raise ConfigError(
                f"--compare: {name} has {member.name} with other options, {'; '.join(differing[:_MOST])}{more}: "
                "measure both with the same ones"
            )


def refuse_clock(clock: str, name: str, before: Speeds) -> None:
    """Raise ConfigError where a grid was measured by another clock."""
    if clock != before.clock:
        raise ConfigError(f"--compare: {name} has {before.clock} time; measure with --clock={before.clock}")


def refuse_twice(calls: Sequence[tuple[str, Speeds]]) -> None:
    """Raise ConfigError where two of the files, each with its name, have the samples of one call: that is no second
    one, and would tell of processes that they do not differ."""
    for (one, first), (other, second) in combinations(calls, 2):
        ours, theirs = figures_of(first), figures_of(second)
        if any(ours[key]["samples"] == theirs[key]["samples"] for key in ours if key in theirs):
            raise ConfigError(f"{one} and {other} have the same samples, so that they are one call: give it once")


def unsaid(now: Speeds, others: Files) -> Iterator[str]:
    """What is not compared, and what is not known of it, a line each; `others` are the calls before and beside."""
    for name, grid in {"the grid that is shown": now, **others}.items():
        if any(member.options is None for member in grid.members):
            yield f"{name} is of an older version and does not say its options: whether they are the same is not known"
    for member, figure in figures_of(now):
        if without := lacking((member, figure), others):
            yield f"not compared: {member}  {figure}: it is not in {', '.join(without)}"


def _differing(ours: Measured, theirs: Measured) -> Iterator[str]:
    """The options in which two members differ. One that only one of them has is new or gone: it counts if changed."""
    if ours.options is None or theirs.options is None:
        return
    for key in dict.fromkeys((*ours.options, *theirs.options)):
        if key in ours.options and key in theirs.options:
            differs = written(ours.options[key]) != written(theirs.options[key])
        else:
            differs = key in (*ours.changed, *theirs.changed)
        if differs:
            there, here = (written(each[key]) if key in each else "none" for each in (theirs.options, ours.options))
            yield f"{key}={there}, and here {here}"
