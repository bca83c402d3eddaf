"""An operation of torch as a step called it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.kernels.expression import Graph
from bench.kernels.step import Cannot
from bench.kernels.values import Value, elementwise, number

__all__ = ["Called"]


@dataclass(frozen=True)
class Called:
    """An operation as it was called: `args` by name, its results, and what gives the value of an argument."""

    graph: Graph
    name: str
    args: Mapping[str, Any]
    results: Sequence[Tensor]
    value: Callable[[Any], Value]
    lanes: int

    @property
    def source(self) -> Any:
        """The first argument."""
        return next(iter(self.args.values()))

    @property
    def x(self) -> Value:
        """The value of the first argument."""
        return self.value(self.source)

    def truth(self, arg: Any) -> Value:
        """1 where an argument is true, or not 0, else 0."""
        value = self.value(arg)
        return value if isinstance(arg, Tensor) and arg.dtype == torch.bool else self.make("ne", value, 0)

    def make(self, op: str, *args: Value | float) -> Value:
        """An operation of a kernel on values and numbers."""
        values = (arg if isinstance(arg, Value) else number(self.graph, arg) for arg in args)
        return elementwise(self.graph, op, *values)

    def shape(self, result: int = 0) -> tuple[int, ...]:
        """The shape of a result without the lanes' dimension."""
        shape = tuple(self.results[result].shape)
        if not self.x.per_lane:
            return shape
        if not shape or shape[0] != self.lanes:
            raise Cannot(f"{self.name} mixes lanes and units")
        return shape[1:]
