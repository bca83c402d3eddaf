"""What a kernel does in one time step: the numbers that it stores, and the products between them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.kernels.expression import Array, Node

__all__ = ["Multiply", "Program", "Store"]


@dataclass(frozen=True)
class Store:
    """Writes a node to `span` numbers of an array from `offset` on; a weight's gradient is added up over lanes."""

    array: Array
    offset: int
    span: int
    node: Node


@dataclass(frozen=True)
class Multiply:
    """`out = source @ matrix.T`, or `out = source @ matrix` where it goes `backward`, for all lanes at once.

    With `adds` the product is added to what is in `out`: before any pass over an input, or, where it goes `backward`,
    at the end of the time step.
    """

    matrix: int
    source: Array
    out: Array
    backward: bool = False
    adds: bool = False

    @property
    def is_last(self) -> bool:
        return self.backward and self.adds


@dataclass(frozen=True)
class Program:
    """One time step; `multiplies` in an order in which each has its source."""

    stores: list[Store]
    multiplies: list[Multiply]

    def adds(self, multiply: Multiply) -> bool:
        """Whether a product is added to what is in its `out` by then; the first of the last ones may find nothing."""
        if not multiply.is_last:
            return multiply.adds
        first = next(each for each in self.multiplies if each.is_last and each.out == multiply.out)
        return multiply is not first or any(store.array == multiply.out for store in self.stores)
