"""The floating-point operations of whatever torch computes, forward and backward, counted op by op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.kernels.uncompiled import UncompiledMode
from bench.measure.costs import cost_of
from bench.measure.lookups import Lookups


@dataclass(frozen=True)
class Operations:
    """Floating-point operations of products of matrices, and element by element; a multiply-add is two.

    `unknown` are the ops whose work is in neither count, by their names in torch.
    """

    products: float = 0
    elementwise: float = 0
    unknown: frozenset[str] = frozenset()

    def __add__(self, other: Operations) -> Operations:
        products, elementwise = self.products + other.products, self.elementwise + other.elementwise
        return Operations(products, elementwise, self.unknown | other.unknown)

    def __mul__(self, factor: float) -> Operations:
        return Operations(self.products * factor, self.elementwise * factor, self.unknown)

    @property
    def total(self) -> float:
        """All operations that are known."""
        return self.products + self.elementwise


class Counter(UncompiledMode):
    """Counts the operations that torch carries out within it, into `counted`.

    They are those of real numbers: a product of two complex ones takes 6. A function of a number, such as exp or tanh,
    is one. Views, copies, choices (`where`), random draws and integers are none. Products are counted as torch's own
    FlopCounterMode does, and so are attention on the CPU, triangular systems and other work that it leaves out. In
    those with one-hot vectors, which `lookups` follows, only the additions count.
    """

    def __init__(self, lookups: Lookups | None = None) -> None:
        super().__init__()
        self.counted, self._lookups = Operations(), lookups or Lookups()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        cost, additions = cost_of(func, args, out), self._lookups.additions(func, args)
        self._lookups.see(func, args, out)
        products, elementwise = cost or (0, 0)
        if additions is not None:
            products, elementwise = 0, elementwise + additions
        unknown = {func._schema.name} if cost is None else ()
        self.counted += Operations(products, elementwise, frozenset(unknown))
        return out
