"""The options of one run, as one object that nothing writes into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from bench.config.schema import Config
from bench.config.tree import Tree

T = TypeVar("T")

AGAIN = "BENCH_MEMBER_AGAIN"
"""The environment variable that tells a sweep's member that its engine has begun it before, and lost it."""


@dataclass(frozen=True)
class Member:
    """A run's place in a sweep: its number from 1 on, the count of members where it is known, and its own folder."""

    number: int
    of: int | None
    folder: Path

    def __str__(self) -> str:
        return f"{self.number}" if self.of is None else f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Options:
    """One run as it was composed. Its types are right; `bench.config.rules.validate` checks ranges and contradictions.

    `choices` has the chosen name of each group. `changed` has, by dotted name, the options that differ from the
    defaults of these choices, and the choices that differ from the defaults of all runs. `member` is None outside a
    sweep.
    """

    config: Config
    choices: Mapping[str, str]
    changed: Mapping[str, Any]
    member: Member | None = None

    @property
    def tree(self) -> Tree:
        """All options in plain types, for files and hashes; a new tree each time."""
        return asdict(self.config)


def typed(tree: Mapping[str, Any]) -> Config:
    """The typed options of a tree from Hydra or from a record; an option that the tree lacks has its default."""
    return _typed(Config, tree)


def _typed(kind: type[T], tree: Mapping[str, Any]) -> T:
    hints = get_type_hints(kind)
    given = {field.name: tree[field.name] for field in fields(kind) if field.name in tree}  # type: ignore[arg-type]
    groups = {name for name, value in given.items() if is_dataclass(hints[name]) and isinstance(value, Mapping)}
    return kind(**{name: _typed(hints[name], v) if name in groups else v for name, v in given.items()})
