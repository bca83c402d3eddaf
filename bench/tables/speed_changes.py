"""What became slower since earlier grids of speeds, beyond what measurements of the same code differ by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median, variance

from bench.results.speeds import Speeds
from bench.stats.bootstrap import Ratio, ratio_of_medians
from bench.stats.interval import mean_interval
from bench.tables.comparable import Files, Key, figures_of, lacking, refuse
from bench.tables.doubts import SLOWED, signs, united

_SLOWER = "the machine itself was slower"


@dataclass(frozen=True)
class Change:
    """A figure of a member in both grids: the ratio of its time to the time before.

    `doubts` are the marks that it has, here or by the file that has them: then it proves nothing. `machine` is how many
    times as long the machine's large products took; 1 where that is not known.
    """

    member: str
    figure: str
    ratio: Ratio
    margin: float
    doubts: Mapping[str, str]
    machine: float = 1.0

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
    code of `now`. Of several calls of a side those count whose figure has no marks, where there are any. Where large
    products took the machine more than 1.25 times the time on one side, all figures are in doubt, unless it may be
    another one (`other_machine`). Raises ConfigError as `refuse` does.
    """
    calls = {"here": now, **(beside or {})}
    others = {**before, **(beside or {})}
    refuse(now, now.figures, others, other_machine)
    shared = [key for key in figures_of(now) if not lacking(key, others)]
    level = 1 - 0.05 / len(shared)  # Bonferroni
    return [_change(key, calls, before, margin, level, other_machine) for key in shared]


def changes_in_turn(here: Speeds, there: Speeds, margin: float) -> list[Change]:
    """The change of each figure of `there` that was sampled in turn with that of `here` (`bench.study.codes`), at a
    joint confidence of 95%.

    Pairs of samples share what the machine did; the median of their ratios is one observation a launch, since processes
    of one code differ, and over launches Student's t has the interval of the geometric mean.
    """
    ours, theirs = figures_of(here), figures_of(there)
    shared = [key for key in ours if key in theirs]
    level = 1 - 0.05 / max(1, len(shared))  # Bonferroni
    found = []
    for key in shared:
        launches = zip(ours[key]["launches"], theirs[key]["launches"], strict=True)
        logs = [median(math.log(a / b) for a, b in zip(*pair, strict=True)) for pair in launches]
        mean, low, high, _ = mean_interval(logs, level)
        found.append(Change(*key, Ratio(*map(math.exp, (mean, low, high))), margin, {}))
    return found


def slowed(found: Iterable[Change]) -> Iterator[str]:
    """A line where the machine itself was slower on one side: a host may slow a virtual one, and no counter tells."""
    ratios = [each.machine for each in found]
    for when, times in (("now", max(ratios, default=1.0)), ("then", 1 / min(ratios, default=1.0))):
        if times > SLOWED:
            yield (
                f"{_SLOWER} {when}: its large products took {times:.1f} times the time; --compare=COMMIT takes both "
                "codes in turn, and what slows one slows both"
            )


def _change(key: Key, now: Files, before: Files, margin: float, level: float, other_machine: bool) -> Change:
    sides = [_counting(key, files) for files in (now, before)]
    ours, theirs = ([figures_of(grid)[key]["samples"] for grid in side.values()] for side in sides)
    marks = {name: figures_of(grid)[key]["marks"] for side in sides for name, grid in side.items()}
    doubts = {name if name == "here" else f"in {name}": ", ".join(each) for name, each in marks.items() if each}
    here, there = (_limit(key[0], side) for side in sides)
    machine = here / there if here and there and not other_machine else 1.0
    if max(machine, 1 / machine) > SLOWED:
        doubts["now" if machine > 1 else "then"] = _SLOWER
    ratio = ratio_of_medians([*chain(*ours)], [*chain(*theirs)], level)
    return Change(*key, ratio, max(margin, _apart(ours, theirs)), doubts, machine)


def _counting(key: Key, files: Files) -> Files:
    """The calls whose figure has no marks; all where there is none."""
    return {name: grid for name, grid in files.items() if not figures_of(grid)[key]["marks"]} or files


def _limit(member: str, files: Files) -> float | None:
    """Microseconds of a token's training at the rate of the machine's large products: the median of those known."""
    found = [m.limits.get("train", 0) for grid in files.values() for m in grid.members if m.name == member]
    return median(known) if (known := [limit for limit in found if limit > 0]) else None


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
