"""Recurrences whose behaviour over time is known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tiny import FEATURES, a_model
from torch import Tensor

from bench.api import Cell, State
from bench.model.sequence import SequenceModel


class Recurrence(Cell):
    """h' = W h + x, of the first H features."""

    W: Tensor

    def __init__(self, input_size: int, hidden_size: int, W: Tensor) -> None:
        super().__init__(input_size, hidden_size)
        self.register_buffer("W", W)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF: Tensor, state: Tensor) -> tuple[Tensor, State]:  # type: ignore[override]
        new = state @ self.W.T + x_BF[:, : self.hidden_size]
        return new, new


class Counting(Recurrence):
    """The same beside a count of steps, and the count doubled at each."""

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return super().initial_state(batch_size, like), like.new_ones(batch_size)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:  # type: ignore[override]
        y_BH, h = super().step(x_BF, state[0])
        return y_BH, (h, 2 * state[1])


def linear(*matrices: list[list[float]] | float | Tensor, kind: type[Recurrence] = Recurrence) -> SequenceModel:
    """A model of one such layer a matrix; a number stands for a matrix of one."""
    weights = [torch.as_tensor(m, dtype=torch.float64) for m in matrices]
    weights = [w.view(1, 1) if w.dim() == 0 else w for w in weights]
    rest = iter(weights)
    make: Callable[[int, int], Cell] = lambda input_size, hidden_size: kind(input_size, hidden_size, next(rest))  # noqa: E731
    return a_model(make, layers=len(weights), hidden=len(weights[0]))


def rotation(angle: float) -> Tensor:
    """A matrix that turns the plane and neither stretches nor shrinks it."""
    angle_ = torch.tensor(angle, dtype=torch.float64)
    return torch.stack([angle_.cos(), -angle_.sin(), angle_.sin(), angle_.cos()]).view(2, 2)


assert FEATURES >= 2  # what a rotation reads
