"""Products with one-hot vectors: nothing is multiplied, rows of the other factor are read, or added to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from bench.measure.costs import FREE, name_of
from bench.model.sequence import OneHot

_PRODUCTS = frozenset({"mm", "addmm", "bmm", "baddbmm"})


class Lookups:
    """Follows the one-hot vectors of models' symbols through what torch computes, forward and backward.

    They are what is looked up in a table of `OneHot`, views of it, and what ops that only move numbers make of it. A
    cell that joins them with other vectors first is not seen through.
    """

    def __init__(self, *models: nn.Module) -> None:
        modules = (module for model in models for module in model.modules())
        self._tables = {_place(each.table_VV) for each in modules if isinstance(each, OneHot)}
        self._found: dict[int, Tensor] = {}  # kept alive, so that nothing else comes to lie there

    def see(self, func: Any, args: Sequence[Any], out: Any) -> None:
        """Take note of an op of torch that was carried out."""
        if not (self._tables and isinstance(out, Tensor) and args and isinstance(args[0], Tensor)):
            return
        from_table = name_of(func) == "embedding" and _place(args[0]) in self._tables
        if from_table or (name_of(func) in FREE and self._is_one_hot(args[0]) and out.shape[-1:] == args[0].shape[-1:]):
            self._found[_place(out)] = out

    def additions(self, func: Any, args: Sequence[Any]) -> int | None:
        """How many numbers are added where an op is a product with one-hot vectors; None where it is not.

        There are none where each vector chooses a row, which is the product with a weight; in that weight's gradient
        each row of the other factor is added to one of the result.
        """
        if name_of(func) not in _PRODUCTS:
            return None
        factors = [each for each in args if isinstance(each, Tensor)][-2:]
        for place, factor in enumerate(factors):
            if self._is_one_hot(factor):
                summed = factor.stride(-1 if place == 0 else -2)
                return 0 if summed == 1 else factors[1 - place].numel()
        return None

    def _is_one_hot(self, tensor: Tensor) -> bool:
        return tensor.is_floating_point() and _place(tensor) in self._found


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
