"""What became slower since earlier grids of speeds, beyond what measurements of the same code differ by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from bench.errors import ConfigError
from bench.results.speeds import Speeds
from bench.stats.bootstrap import Ratio, ratio_of_medians

_SAME = ("host", "name", "device", "system")
"""What two machines are told apart by."""


@dataclass(frozen=True)
class Change:
    """A figure of a member in both grids: the ratio of its time to the time before."""

    member: str
    figure: str
    ratio: Ratio
    margin: float

    @property
    def slower(self) -> bool:
        """Whether the whole interval of the ratio is beyond the margin."""
        return self.ratio.low > 1 + self.margin

    @property
    def faster(self) -> bool:
        return self.ratio.high < 1 - self.margin

    def __str__(self) -> str:
        said = "SLOWER" if self.slower else "faster" if self.faster else "no change seen"
        return f"{self.member}  {self.figure}  {self.ratio}  {said} (beyond {self.margin:.1%})"


def changes(now: Speeds, before: Sequence[Speeds], margin: float, other_machine: bool = False) -> list[Change]:
    """The change of each figure that `now` and all of the grids `before` have, at a joint confidence of 95%.

    Two processes that run the same code differ by more than the interval of their samples knows of: by where memory
    lies, and by what shares the machine. What is no change is `margin`, a share of the time, or that by which the
    medians of the grids before differ, where there are several and that is more. Raises ConfigError where they are of
    different machines or clocks, and where they share no figure.
    """
    for each in before:
        refuse_clock(now.clock, each)
        theirs, ours = ({key: grid.machine.get(key) for key in _SAME} for grid in (each, now))
        if theirs != ours and not other_machine:
            said = next(f"{key} {theirs[key]}, and here {ours[key]}" for key in _SAME if theirs[key] != ours[key])
            raise ConfigError(
                f"--compare: a file is of another machine ({said}); add --other-machine to compare anyway"
            )
    found = [(key, new, old) for key, new in _samples(now).items() if all(old := [*_of_each(before, key)])]
    if not found:
        have = "; ".join(member.name for member in before[0].members)
        raise ConfigError(f"--compare: no file has any of these members; the first one has {have}")
    level = 1 - 0.05 / len(found)  # Bonferroni
    return [
        Change(*key, ratio_of_medians(new, [*chain(*old)], level), max(margin, _apart(old))) for key, new, old in found
    ]


def refuse_clock(clock: str, before: Speeds) -> None:
    """Raise ConfigError where a grid was measured by another clock."""
    if clock != before.clock:
        raise ConfigError(f"--compare: a file has {before.clock} time; measure with --clock={before.clock}")


def _samples(grid: Speeds) -> dict[tuple[str, str], list[float]]:
    """The samples of each figure, by its member and name."""
    return {(m.name, name): figure["samples"] for m in grid.members for name, figure in m.figures.items()}


def _of_each(grids: Sequence[Speeds], key: tuple[str, str]) -> Iterator[list[float]]:
    return (_samples(grid).get(key, []) for grid in grids)


def _apart(samples: Sequence[Sequence[float]]) -> float:
    """By what share the largest of the medians is above the smallest."""
    medians = [*map(median, samples)]
    return max(medians) / min(medians) - 1
