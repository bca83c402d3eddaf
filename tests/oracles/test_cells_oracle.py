"""Each built-in cell equals its equation as written down a second time: outputs, states, gradients, parameter count."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import naive
from tiny import CELLS, few, seeded

from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.measure.flops import parameter_count
from bench.unroll.eager import unroll_eager

sizes = st.integers(1, 4)
cells = st.sampled_from(CELLS)


class OtherGRU(GRU):
    """The mutant: z near 1 takes the new state, as in Cho et al.'s figure and some libraries."""

    def gates(self, x_proj, h_proj, h):
        block = torch.tensor([1.0, -1.0, 1.0], dtype=h.dtype).repeat_interleave(self.hidden_size)
        return super().gates(x_proj * block, h_proj * block, h)  # sigmoid(-a) = 1 - sigmoid(a)


class SwappedLSTM(LSTM):
    """The mutant: input and forget gate in the other order."""

    def gates(self, x_proj, h_proj, h, c):
        i, f, g, o = (x_proj + h_proj).chunk(4, -1)
        return super().gates(torch.cat([f, i, g, o], -1), torch.zeros_like(h_proj), h, c)


def check_equation(cell, name, T, B, seed):
    """Outputs, last states and the gradients of everything that goes in agree to float64 rounding."""
    cell = cell.double()
    x_TBF = torch.randn(T, B, cell.input_size, generator=seeded(seed), dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn(B, cell.hidden_size, generator=seeded(seed + 1 + i), dtype=torch.float64)
                  .requires_grad_() for i, _ in enumerate(cell.states))  # fmt: skip
    weights = dict(cell.named_parameters())
    results = [unroll_eager(cell, x_TBF, state), naive.unroll(name, weights, x_TBF, state)]
    found, wanted = ([y_TBH, *last] for y_TBH, last in results)
    for a, b in zip(found, wanted, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12), "outputs differ from the equation"
    leaves = [x_TBF, *state, *weights.values()]
    for a, b in zip(*(gradients(parts, leaves) for parts in (found, wanted)), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11), "gradients differ from the equation's"


def gradients(parts, leaves):
    """Of a sum that weighs every entry differently."""
    total = sum((part * torch.linspace(-1, 2, part.numel(), dtype=part.dtype).view_as(part)).sum() for part in parts)
    return torch.autograd.grad(total, leaves)


@few
@given(cells, sizes, sizes, sizes, sizes, st.integers(0, 99))
def test_a_cell_is_its_equation(cls, T, B, F, H, seed):
    torch.manual_seed(seed)
    check_equation(cls(F, H), cls.__name__, T, B, seed)


@settings(max_examples=5, deadline=None)
@given(st.floats(-2, 2), st.integers(0, 99))
def test_an_lstm_with_a_forget_bias_is_the_same_equation(bias, seed):
    torch.manual_seed(seed)
    cell = LSTM(2, 3)
    cell.set_forget_bias(bias)
    check_equation(cell, "LSTM", 3, 2, seed)


@pytest.mark.parametrize(("mutant", "name"), [(OtherGRU, "GRU"), (SwappedLSTM, "LSTM")])
def test_another_equation_is_noticed(mutant, name):
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match="outputs differ from the equation"):
        check_equation(mutant(2, 3), name, 2, 2, seed=0)


@pytest.mark.parametrize("cls", CELLS)
def test_gradients_agree_with_finite_differences(cls):
    torch.manual_seed(0)
    cell = cls(2, 3).double()
    x_TBF = torch.randn(2, 2, 2, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in cell.states)

    def run(*_):  # gradcheck moves the very tensors that it is given, the cell's parameters among them
        y_TBH, last = unroll_eager(cell, x_TBF, state)
        return y_TBH, *last

    assert torch.autograd.gradcheck(run, (x_TBF, *state, *cell.parameters()))


@given(cells, st.integers(1, 9), st.integers(1, 9))
def test_the_parameter_count_follows_the_formula(cls, F, H):
    assert parameter_count(cls(F, H)) == naive.parameters(cls.__name__, F, H)
