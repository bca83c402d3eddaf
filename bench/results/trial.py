"""A trial of `bench tune`: the values that it drew, and what its run came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from bench.results.record import Status


class Trial(NamedTuple):
    """A trial: `values` by option, the `score` on valid, None where it has none, and its `run` by id, with its cost."""

    values: Mapping[str, Any]
    score: float | None
    run: str
    status: Status | Literal["pruned"]
    reason: str | None
    seconds: float
    tokens: int

    @property
    def words(self) -> str:
        """The values as a command has them."""
        return " ".join(f"{option}={value}" for option, value in self.values.items())
