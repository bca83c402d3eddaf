"""What became slower between two grids of speeds, beyond what two measurements of the same differ by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        return f"{self.member}  {self.figure}  {self.ratio}  {said}"


def changes(now: Speeds, before: Speeds, margin: float, other_machine: bool = False) -> list[Change]:
    """The change of each figure that both have, at a joint confidence of 95% (Bonferroni).

    `margin` is the share of time by which two measurements of the same code may differ: processes differ by where their
    memory lies, which no interval of samples knows of. Raises ConfigError where the two are of different machines or
    clocks, and where they share no member.
    """
    if now.clock != before.clock:
        raise ConfigError(f"--compare: the file has {before.clock} time; measure with --clock={before.clock}")
    theirs, ours = ({key: each.machine.get(key) for key in _SAME} for each in (before, now))
    if theirs != ours and not other_machine:
        said = next(f"{key} {theirs[key]}, and here {ours[key]}" for key in _SAME if theirs[key] != ours[key])
        raise ConfigError(f"--compare: the file is of another machine ({said}); add --other-machine to compare anyway")
    pairs = [*_pairs(now, before)]
    if not pairs:
        have = "; ".join(member.name for member in before.members)
        raise ConfigError(f"--compare: the file has none of these members; it has {have}")
    level = 1 - 0.05 / len(pairs)
    return [Change(member, name, ratio_of_medians(new, old, level), margin) for member, name, new, old in pairs]


def _pairs(now: Speeds, before: Speeds) -> Iterator[tuple[str, str, list[float], list[float]]]:
    known = {member.name: member for member in before.members}
    for member in now.members:
        for name, figure in member.figures.items():
            if member.name in known and name in known[member.name].figures:
                yield member.name, name, figure["samples"], known[member.name].figures[name]["samples"]
