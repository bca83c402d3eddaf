"""A linear cell's step and its parallel form come from its one equation, and agree."""

import pytest
import torch
from tiny import seeded

from bench.api import LinearCell
from bench.unroll.eager import unroll_eager


class Average(LinearCell):
    """A real linear cell; the output needs the input."""

    state_shape = (2,)

    def recurrence(self, x):
        return torch.sigmoid(x), 1 - x, x

    def output(self, h, *others):
        return h + others[0]


class Rotation(LinearCell):
    """A complex linear cell, with a coefficient that is the same at all times."""

    state_shape = (2, 2)

    def recurrence(self, x):
        return torch.polar(torch.tensor(0.9, dtype=x.dtype), torch.tensor(0.5, dtype=x.dtype)), torch.complex(x, -x)

    def output(self, h, *others):
        return h.real


@pytest.mark.parametrize("cls", [Average, Rotation])
@pytest.mark.parametrize("span", [1, 24, 10_000])  # numbers: a step has 6 (Average) or 12 (Rotation)
def test_a_linear_cell_steps_and_unrolls_alike_in_spans_of_any_length(cls, span):
    cell = cls(2, 2)
    cell.span = span
    x_TBF = torch.randn(7, 3, 2, generator=seeded(), dtype=torch.float64).requires_grad_()
    state = torch.randn(3, *cell.state_shape, generator=seeded(1), dtype=torch.float64).requires_grad_()
    found, wanted = ([*cell.unroll(x_TBF, state)], [*unroll_eager(cell, x_TBF, state)])
    torch.testing.assert_close(found, wanted)
    gradients = [torch.autograd.grad(sum((p**2).sum() for p in parts), [x_TBF, state]) for parts in (found, wanted)]
    torch.testing.assert_close(*gradients)


def test_the_state_of_a_complex_cell_is_real():
    state = Rotation(2, 2).initial_state(3, like=torch.zeros(1))
    assert (state.shape, state.dtype) == ((3, 2, 2), torch.float32)
