"""Linear recurrences as cells: one equation gives both the step and the parallel form, a scan over time."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from bench.api.cell import Cell, State
from bench.kernels.scan import linear_scan


class LinearCell(Cell):
    """A cell whose state obeys h_t = a_t * h_{t-1} + b_t, where a and b depend on the input alone.

    A subclass sets `state_shape` and writes `recurrence`, and `output` where the output is not the state; step and
    parallel form follow from them. The state is one real tensor `[B, *state_shape]`: where b is complex, `state_shape`
    ends in 2, for the real and the imaginary part.
    """

    state_shape: tuple[int, ...]
    span: int = 2**20
    """On a CPU, the most elements of a tensor of states over time: allocating larger ones costs more than the scan."""

    @abstractmethod
    def recurrence(self, x: Tensor) -> tuple[Tensor, ...]:
        """Coefficients a and b `[..., *S]` of inputs `[..., F]`, then further tensors for `output`.

        The leading dimensions are `[B]` or `[T, B]`. The shape of a must broadcast to the shape of b.
        """

    def output(self, h: Tensor, *others: Tensor) -> Tensor:
        """Outputs `[..., H]` of the new states `[..., *S]` and the further tensors of `recurrence`."""
        return h

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """Zeros `[B, *state_shape]`."""
        return like.new_zeros(batch_size, *self.state_shape)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        a, b, *others = self.recurrence(x_BF)
        h = a * _as_carried_by(b, state) + b
        return self.output(h, *others), _as_real(h)

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs `[T, B, H]` of inputs `[T, B, F]`, and the last state; on a CPU span by span."""
        assert isinstance(state, Tensor)
        on_cpu = x_TBF.device.type == "cpu"
        outputs = []
        for span_TBF in x_TBF.split(max(1, self.span // state.numel()) if on_cpu else len(x_TBF)):
            a, b_TB, *others = self.recurrence(span_TBF)
            h_TB = linear_scan(a, b_TB, _as_carried_by(b_TB, state))
            state = _as_real(h_TB[-1])
            outputs.append(self.output(h_TB, *others))
        return torch.cat(outputs), state


def _as_carried_by(b: Tensor, state: State) -> Tensor:
    assert isinstance(state, Tensor)
    return torch.view_as_complex(state) if b.is_complex() else state


def _as_real(h: Tensor) -> Tensor:
    return torch.view_as_real(h) if h.is_complex() else h
