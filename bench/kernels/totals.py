"""The gradients of what a recurrence reads, summed up over all time steps and lanes after its backward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.kernels.expression import Array

__all__ = ["Totals"]


class Totals:
    """The gradients of rows of all time steps, by name, and what they sum up to."""

    def __init__(self, at: dict[str, Tensor], rows: int) -> None:
        self.at, self.rows = at, rows
        self._sums: dict[str, Tensor] = {}

    def sum(self, name: str) -> Tensor:
        if name not in self._sums:
            self._sums[name] = self.at[name].view(self.rows, -1).sum(0)
        return self._sums[name]

    def of_weight(self, weight: Array, row: Array | None) -> Tensor:
        """The gradient of a weight: that of a row, summed up, or what the pass has summed up, for it or another one."""
        if row is None:
            return self.at[f"dweight{weight.number}"]
        return self.at[row.name].clone() if row.kind == "dweight" else self.sum(row.name)

    def of_matrix(self, name: str, operand_TBK: Tensor) -> Tensor:
        """The gradient of a matrix, from those of its product with operands; a state has one more at its end."""
        operand_SK = operand_TBK.view(-1, operand_TBK.shape[-1]).narrow(0, 0, self.rows)
        return self.at[name].view(self.rows, -1).t() @ operand_SK

    def of_inputs(self, maps: list[bool], wanted: Sequence[bool]) -> tuple[Tensor | None, list[Tensor | None]]:
        """The gradient of x, and those of each input's pair."""
        dx: Tensor | None = None
        pairs: list[Tensor | None] = []
        x = self.at["x"].flatten(0, -2)
        for i, is_map in enumerate(maps):
            has_weight, has_bias = wanted[1 + 2 * i : 3 + 2 * i]
            if not is_map:
                pairs += [self.at[f"dinput{i}"], None]
                continue
            d = self._of_map(f"dinput{i}")
            pairs.append(d.t() @ x if has_weight else None)
            pairs.append(self.sum(f"dinput{i}") if has_bias else None)
            if wanted[0]:
                part = d @ self.at[f"map{i}"]
                dx = part if dx is None else dx.add_(part)
        return None if dx is None else dx.view_as(self.at["x"]), pairs

    def _of_map(self, name: str) -> Tensor:
        """The gradient of a map of x, a row for each of x: of a symbol, the sum over all places where it stands."""
        if "symbols" not in self.at:
            return self.at[name].view(self.rows, -1)
        symbols_TB, count = self.at["symbols"], len(self.at["x"])
        return torch.ops.aten.embedding_dense_backward(self.at[name], symbols_TB, count, -1, False)
