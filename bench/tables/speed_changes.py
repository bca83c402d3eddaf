"""What became slower since earlier grids of speeds, beyond what measurements of the same code differ by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median, variance
from typing import Any

from bench.config.tree import written
from bench.errors import ConfigError
from bench.results.speeds import Measured, Speeds
from bench.stats.bootstrap import Ratio, ratio_of_medians
from bench.stats.interval import mean_interval
from bench.tables.doubts import signs, united

_SAME = ("host", "name", "device", "system")
"""What two machines are told apart by."""
_MOST = 5
"""Options that are named where many differ."""

Files = Mapping[str, Speeds]
"""Earlier grids by the names of their files."""
Key = tuple[str, str]
"""A member's name and a figure."""


@dataclass(frozen=True)
class Change:
    """A figure of a member in both grids: the ratio of its time to the time before.

    `doubts` are the marks that it has, here or by the file that has them: then it proves nothing.
    """

    member: str
    figure: str
    ratio: Ratio
    margin: float
    doubts: Mapping[str, str]

    @property
    def slower(self) -> bool:
        """Whether the whole interval of the ratio is beyond the margin, and no figure is in doubt."""
        return not self.doubts and self.ratio.low > 1 + self.margin

    @property
    def known(self) -> bool:
        """Whether the ratio is known to within the margin."""
        return self.ratio.high / self.ratio.low <= (1 + self.margin) ** 2

    @property
    def faster(self) -> bool:
        return not self.doubts and self.ratio.high < 1 - self.margin

    def __str__(self) -> str:
        begins = f"{self.member}  {self.figure}  {self.ratio}{signs(united(self.doubts.values()))}  "
        if self.doubts:
            return f"{begins}not told apart: {'; '.join(f'{marks} {where}' for where, marks in self.doubts.items())}"
        said = "SLOWER" if self.slower else "faster" if self.faster else "no change seen"
        return f"{begins}{said} (beyond {self.margin:.1%})"


def changes(
    now: Speeds, before: Files, margin: float, other_machine: bool = False, beside: Files | None = None
) -> list[Change]:
    """The change of each figure that `now` and all other grids have, at a joint confidence of 95%.

    Two processes that run the same code differ by more than the interval of their samples knows of: by where memory
    lies, and by what shares the machine. What is no change is `margin`, a share of the time, or what the calls of each
    side differ by among themselves, where there are several before and that is more; `beside` are further calls of the
    code of `now`. Of several calls of a side those count whose figure has no marks, where there are any. Raises
    ConfigError as `refuse` does.
    """
    calls = {"here": now, **(beside or {})}
    others = {**before, **(beside or {})}
    refuse(now, now.figures, others, other_machine)
    shared = [key for key in _figures(now) if not _lacking(key, others)]
    level = 1 - 0.05 / len(shared)  # Bonferroni
    return [_change(key, calls, before, margin, level) for key in shared]


def changes_in_turn(here: Speeds, there: Speeds, margin: float) -> list[Change]:
    """The change of each figure of `there` that was sampled in turn with that of `here` (`bench.study.codes`), at a
    joint confidence of 95%.

    Pairs of samples share what the machine did; the median of their ratios is one observation a launch, since processes
    of one code differ, and over launches Student's t has the interval of the geometric mean.
    """
    ours, theirs = _figures(here), _figures(there)
    shared = [key for key in ours if key in theirs]
    level = 1 - 0.05 / max(1, len(shared))  # Bonferroni
    found = []
    for key in shared:
        launches = zip(ours[key]["launches"], theirs[key]["launches"], strict=True)
        logs = [median(math.log(a / b) for a, b in zip(*pair, strict=True)) for pair in launches]
        mean, low, high, _ = mean_interval(logs, level)
        found.append(Change(*key, Ratio(*map(math.exp, (mean, low, high))), margin, {}))
    return found


def _change(key: Key, now: Files, before: Files, margin: float, level: float) -> Change:
    (ours, here), (theirs, there) = (_quiet(key, files) for files in (now, before))
    doubts = {name if name == "here" else f"in {name}": marks for name, marks in (here | there).items()}
    ratio = ratio_of_medians([*chain(*ours)], [*chain(*theirs)], level)
    return Change(*key, ratio, max(margin, _apart(ours, theirs)), doubts)


def _quiet(key: Key, files: Files) -> tuple[list[list[float]], dict[str, str]]:
    """The samples of the calls whose figure has no marks; where there is none, those of all calls with their marks."""
    found = {name: _figures(grid)[key] for name, grid in files.items()}
    quiet = [figure["samples"] for figure in found.values() if not figure["marks"]]
    if quiet:
        return quiet, {}
    marks = {name: ", ".join(figure["marks"]) for name, figure in found.items()}
    return [figure["samples"] for figure in found.values()], marks


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
    if before and all(_lacking(key, before) for key in wanted):
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


def unsaid(now: Speeds, others: Files) -> Iterator[str]:
    """What is not compared, and what is not known of it, a line each; `others` are the calls before and beside."""
    for name, grid in {"the grid that is shown": now, **others}.items():
        if any(member.options is None for member in grid.members):
            yield f"{name} is of an older version and does not say its options: whether they are the same is not known"
    for member, figure in _figures(now):
        if lacking := _lacking((member, figure), others):
            yield f"not compared: {member}  {figure}: it is not in {', '.join(lacking)}"


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


def _figures(grid: Speeds) -> dict[Key, dict[str, Any]]:
    """Each figure by its member and name."""
    return {(m.name, name): figure for m in grid.members for name, figure in m.figures.items()}


def _lacking(key: Key, before: Files) -> list[str]:
    """The files that lack a figure."""
    return [name for name, grid in before.items() if key not in _figures(grid)]


def _apart(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """By what share of the time calls of one code are to be expected to differ, so many of each; 0 for one of each.

    It is the half-width of a 95% interval of a difference between two means, Student's t over the logarithms of the
    calls' medians; of one new call a prediction interval, from what those before differ by.
    """
    calls = [[math.log(median(samples)) for samples in side] for side in (ours, theirs)]
    freedom = sum(len(side) - 1 for side in calls)
    if not freedom:
        return 0.0
    from scipy.special import stdtrit  # imported here: it takes half a second

    spread = math.sqrt(sum((len(side) - 1) * variance(side) for side in calls if len(side) > 1) / freedom)
    return math.expm1(float(stdtrit(freedom, 0.975)) * spread * math.sqrt(sum(1 / len(side) for side in calls)))
