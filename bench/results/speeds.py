"""The speeds of a grid of configurations as a file: every sample, the machine and the code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from bench.config.tree import written
from bench.errors import ConfigError, StoreError
from bench.results.reading import cause, read_regular
from bench.stats.summary import summarise

SCHEMA: Final = 1

Figure = Literal["train", "infer", "step"]
FIGURES: Final[tuple[Figure, ...]] = ("train", "infer", "step")
"""What is timed: a training step, a forward pass over a batch, a time step of one lane."""

_MOST_BYTES: Final = 2**28


@dataclass(frozen=True)
class Measured:
    """A member of a grid and its figures: microseconds a token by what was timed.

    `varied` are the options in which the members of the grid differ; `hardware` is the label of its machine, `unroll`
    its form over time, and `refused` says why it is not the faster one.
    """

    varied: Mapping[str, Any]
    hardware: str = ""
    params: int | None = None
    unroll: str | None = None
    refused: str | None = None
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return named(self.varied)


def named(varied: Mapping[str, Any]) -> str:
    """A member's name: the options in which it differs from others, as words of a command."""
    return " ".join(f"{key}={written(value)}" for key, value in varied.items())


def refuse_one_name(varied: Iterable[Mapping[str, Any]]) -> None:
    """Raise ConfigError where two members have one name: tables, plots and comparisons know members by their names."""
    name, count = Counter(map(named, varied)).most_common(1)[0]
    if count > 1:
        raise ConfigError(f"{count} members are {name}: what has no difference cannot be told apart; leave one")


@dataclass(frozen=True)
class Speeds:
    """A grid measured by a `clock` (`wall` or `cpu`); `refused` are the members that could not be built, and why."""

    varied: Sequence[Mapping[str, Any]]
    """The options of all members, also of those that were refused."""
    members: list[Measured]
    refused: dict[str, str]
    clock: str
    machine: dict[str, Any]
    versions: dict[str, Any]
    git: dict[str, Any]

    @property
    def figures(self) -> list[str]:
        """The names of all figures, in their order."""
        return [*dict.fromkeys(name for member in self.members for name in member.figures)]

    def to_json(self) -> str:
        """JSON that `read` reads."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Speeds:
        """The speeds in a file of `bench speed`, or in one that pytest-benchmark has written: its benchmarks are the
        members, and their figure is microseconds a `call`. Raises StoreError, naming the file.
        """
        try:
            tree = json.loads(read_regular(path, _MOST_BYTES))
            if "benchmarks" in tree:
                return _of_benchmarks(tree)
            if tree.pop("schema") != SCHEMA:
                raise ValueError("its schema is another one")
            return cls(**{**tree, "members": [Measured(**member) for member in tree["members"]]})
        except OSError as error:
            raise StoreError(f"cannot read {path}: {cause(error)}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{path} is no file of `bench speed` nor of pytest-benchmark ({error})") from error


def _of_benchmarks(tree: Mapping[str, Any]) -> Speeds:
    members = []
    for each in tree["benchmarks"]:
        samples = [1e6 * seconds for seconds in each["stats"]["data"]]
        name = each["fullname"].rpartition("/")[2]
        members.append(Measured({"benchmark": name}, figures={"call": {**summarise(samples), "marks": {}}}))
    machine, commit = tree.get("machine_info", {}), tree.get("commit_info", {})
    facts = {"host": machine.get("cpu", {}).get("brand_raw"), "system": machine.get("system")}
    git = {"commit": commit.get("id"), "dirty": commit.get("dirty")}
    return Speeds(
        [m.varied for m in members], members, {}, "wall", facts, {"python": machine.get("python_version")}, git
    )
