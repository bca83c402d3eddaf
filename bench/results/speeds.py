"""The speeds of a grid of configurations as a file: every sample, the options of each member, the machine, the code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from annotated_types import Gt, MinLen
from pydantic import AfterValidator, AllowInfNan, TypeAdapter, ValidationError

from bench.config.tree import written
from bench.errors import ConfigError, StoreError
from bench.results.reading import cause, read_regular
from bench.stats.summary import summarise

SCHEMA: Final = 1

Figure = Literal["train", "infer", "step", "prefill"]
FIGURES: Final[tuple[Figure, ...]] = ("train", "infer", "step", "prefill")
"""What is timed: a training step, a forward pass over a batch, a time step of one lane, the reading of one sequence."""
THROUGHPUT: Final = ("train", "infer", "prefill")
"""Figures that are told as tokens a second."""

Clock = Literal["wall", "cpu"]

_MOST_BYTES: Final = 2**28

T = TypeVar("T")

_Time = Annotated[float, Gt(0), AllowInfNan(False)]


@dataclass(frozen=True)
class _Statistics:
    """What tables and comparisons read of a figure; other statistics go with it."""

    median: _Time
    low: _Time
    high: _Time
    samples: Annotated[list[_Time], MinLen(1)]
    marks: dict[str, str]


def _stated(figure: dict[str, Any]) -> dict[str, Any]:
    _fitting(_Statistics, figure)
    return figure


@dataclass(frozen=True)
class Measured:
    """A member of a grid and its figures: microseconds a token by what was timed.

    `varied` are the options in which the members of the grid differ; `hardware` is the label of its machine, `unroll`
    its form over time, and `refused` says why it is not the faster one. `options` are all that decide its speed, of
    which `changed` differ from their defaults; None in files of older versions, which do not state them. `limits` are
    microseconds a token by figure, were its operations as fast as the large products of its machine. `lacks` are the
    figures that there are not of such a model, and why.
    """

    varied: Mapping[str, Any]
    hardware: str = ""
    params: int | None = None
    unroll: str | None = None
    refused: str | None = None
    figures: dict[str, Annotated[dict[str, Any], AfterValidator(_stated)]] = field(default_factory=dict)
    options: Mapping[str, Any] | None = None
    changed: list[str] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)

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
    """A grid measured by a `clock` (`wall` or `cpu`); `refused` are the members that could not be built or sampled,
    and why."""

    varied: Annotated[Sequence[Mapping[str, Any]], MinLen(1)]
    """The options of all members, also of those that were refused."""
    members: Annotated[list[Measured], MinLen(1)]
    refused: dict[str, str]
    clock: Clock
    machine: dict[str, Any]
    versions: dict[str, Any]
    git: dict[str, Any]

    @property
    def figures(self) -> list[str]:
        """The names of all figures, in their order."""
        return [*dict.fromkeys(name for member in self.members for name in member.figures)]

    def to_json(self) -> str:
        """JSON that `read` reads."""
        return json.dumps(self.to_tree(), indent=1) + "\n"

    def to_tree(self) -> dict[str, Any]:
        """The tree that `of_tree` takes."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def of_tree(cls, tree: object) -> Speeds:
        """Raises ValueError for a tree of another form or schema."""
        if not isinstance(tree, dict) or "schema" not in tree:
            raise ValueError("it has neither benchmarks nor a schema")
        if tree["schema"] != SCHEMA:
            raise ValueError(f"its schema is {written(tree['schema'])}, and this version reads {SCHEMA}")
        found = _fitting(cls, tree)
        refuse_one_name(found.varied)
        return found

    @classmethod
    def read(cls, path: Path) -> Speeds:
        """The speeds in a file of `bench speed`, or in one that pytest-benchmark has written: its benchmarks are the
        members, and their figure is microseconds a `call`. Raises StoreError, naming the file.
        """
        try:
            return _of_tree(json.loads(read_regular(path, _MOST_BYTES)))
        except OSError as error:
            raise StoreError(f"cannot read {path}: {cause(error)}") from error
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path} is no file of `bench speed` nor of pytest-benchmark: {error}") from error


def _of_tree(tree: Any) -> Speeds:
    """Raises ValueError for a tree of another form."""
    if isinstance(tree, dict) and "benchmarks" in tree:
        return _of_benchmarks(_fitting(_Benchmarks, tree))
    return Speeds.of_tree(tree)


def _fitting(kind: type[T], tree: object) -> T:
    """The tree as a value of this kind; ValueError says in a few words what first does not fit."""
    try:
        return TypeAdapter(kind).validate_python(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {said[0].lower()}{said[1:]}") from error


@dataclass(frozen=True)
class _Data:
    data: Annotated[list[_Time], MinLen(1)]


@dataclass(frozen=True)
class _Benchmark:
    fullname: str
    stats: _Data


@dataclass(frozen=True)
class _Benchmarks:
    """What is read of a file of pytest-benchmark."""

    benchmarks: Annotated[list[_Benchmark], MinLen(1)]
    machine_info: dict[str, Any] = field(default_factory=dict)
    commit_info: dict[str, Any] = field(default_factory=dict)


def _of_benchmarks(tree: _Benchmarks) -> Speeds:
    whole = [each.fullname for each in tree.benchmarks]
    names = [name.rpartition("/")[2] for name in whole]
    if len({*names}) < len(names):
        names = whole
    members = []
    for name, each in zip(names, tree.benchmarks, strict=True):
        call = {**summarise([1e6 * seconds for seconds in each.stats.data]), "marks": {}}
        members.append(Measured({"benchmark": name}, figures={"call": call}, options={}))
    refuse_one_name(m.varied for m in members)
    machine, commit = tree.machine_info, tree.commit_info
    cpu = machine.get("cpu")
    facts = {"host": cpu.get("brand_raw") if isinstance(cpu, dict) else None, "system": machine.get("system")}
    git = {"commit": commit.get("id"), "dirty": commit.get("dirty")}
    return Speeds(
        [m.varied for m in members], members, {}, "wall", facts, {"python": machine.get("python_version")}, git
    )
