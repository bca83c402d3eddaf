"""Mutants that do what the code does, listed with the reason: no test can see them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from change import Change

LIST = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """`before` becomes `after` in a line of `file`, which reads `line` (without indentation)."""

    file: str
    line: str
    before: str
    after: str
    reason: str

    def is_(self, change: Change, source: str) -> bool:
        same = (self.file, self.before, self.after) == (change.file, change.before, change.after)
        return same and self.line == change.line_of(source)


def equivalents(path: Path = LIST) -> list[Equivalent]:
    """The listed mutants."""
    return [Equivalent(**entry) for entry in tomllib.loads(path.read_text("utf-8")).get("equivalent", [])]
