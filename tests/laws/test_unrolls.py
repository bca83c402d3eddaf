"""Every faster form is the plain loop: the same outputs, last states and gradients, or it is refused."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import CELLS, few, seeded

from bench.api import Cell
from bench.cells.gru import GRU
from bench.cells.vanilla import Vanilla
from bench.errors import ConfigError
from bench.unroll.forms import choose

TOLERANCE = {torch.float64: {"rtol": 1e-10, "atol": 1e-12}, torch.float32: {"rtol": 1e-4, "atol": 1e-5}}
cells, dtypes = st.sampled_from(CELLS), st.sampled_from(list(TOLERANCE))


def everything(cell, unroll, x_TBF, state):
    """Outputs, last states, and the gradients of input, first state and weights, of a sum with uneven weights."""
    y_TBH, last = unroll(x_TBF, state)
    parts = [y_TBH, *last]
    total = sum((part * torch.linspace(-1, 2, part.numel(), dtype=part.dtype).view_as(part)).sum() for part in parts)
    return [*parts, *torch.autograd.grad(total, [x_TBF, *state, *cell.parameters()])]


@few
@given(cells, dtypes, st.integers(1, 12), st.integers(1, 5), st.integers(1, 9), st.integers(1, 17), st.integers(0, 99))
@example(CELLS[1], torch.float32, 1, 1, 1, 1, 0)
@example(CELLS[1], torch.float32, 33, 1, 7, 16, 0)
@example(CELLS[2], torch.float32, 1, 3, 1, 5, 0)
def test_eager_equals_vendor(cls, dtype, T, B, F, H, seed):
    torch.manual_seed(seed)
    cell = cls(F, H).to(dtype)
    x_TBF = torch.randn(T, B, F, dtype=dtype, requires_grad=True)
    state = tuple(torch.randn(B, H, dtype=dtype, requires_grad=True) for _ in cell.states)
    eager, vendor = (everything(cell, choose(cell, mode).unroll, x_TBF, state) for mode in ("eager", "vendor"))
    for a, b in zip(eager, vendor, strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE[dtype])


class Halved(GRU):
    """The mutant: another equation, and yet the vendor's layer of the old one."""

    def gates(self, x_proj, h_proj, h):
        return super().gates(x_proj, h_proj / 2, h)


class CutOff(Vanilla):
    """The mutant: the same outputs, but a gradient that does not go back through time."""

    def gates(self, x_proj, h_proj, h):
        return torch.tanh(x_proj + h_proj.detach())


@pytest.mark.form_by_rule
@pytest.mark.parametrize(("mutant", "finding"), [(Halved, "outputs"), (CutOff, "gradients")])
def test_a_subclass_that_changes_gates_but_keeps_vendor_never_goes_by_it(mutant, finding):
    torch.manual_seed(0)
    words = f"{finding} of {mutant.__name__} differ from its step loop by "
    with pytest.raises(ConfigError, match=f"unroll=vendor: {words}.*use unroll=eager"):
        choose(mutant(3, 4), "vendor")
    form = choose(mutant(3, 4), "auto")
    assert (form.name, words in form.refused) == ("eager", True)
    assert choose(mutant(3, 4), "eager").name == "eager"


class Decay(Cell):
    """h_t = a h_{t-1} + x_t with one a; its parallel form is h_t = a^(t+1) h_0 + sum over s <= t of a^(t-s) x_s."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.rate = torch.nn.Parameter(torch.tensor(0.5))
        self.into = torch.nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF, state):
        new = self.rate * state + self.into(x_BF)
        return new, new

    def unroll(self, x_TBF, state):
        lags = torch.arange(len(x_TBF))
        powers_TT = (self.rate ** (lags[:, None] - lags).clamp(min=0)).tril()
        carried = self.rate ** (lags[:, None, None] + 1) * state
        y_TBH = torch.einsum("ts,sbh->tbh", powers_TT, self.into(x_TBF)) + carried
        return y_TBH, y_TBH[-1]


class Leaking(Decay):
    """The mutant: its parallel form looks into the future."""

    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return y_TBH + y_TBH.roll(-1, 0), last


@few
@given(st.integers(1, 8), st.integers(1, 3), st.integers(0, 99))
def test_a_cells_own_parallel_form_equals_its_loop(T, B, seed):
    cell = Decay(2, 3).double()
    x_TBF = torch.randn(T, B, 2, generator=seeded(seed), dtype=torch.float64)
    state = torch.randn(B, 3, generator=seeded(seed + 1), dtype=torch.float64)
    for a, b in zip(*(choose(cell, mode).unroll(x_TBF, state) for mode in ("eager", "parallel")), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.form_by_rule
def test_a_parallel_form_that_differs_from_the_loop_is_refused():
    with pytest.raises(ConfigError, match="unroll=parallel: outputs of Leaking differ"):
        choose(Leaking(2, 3), "parallel")
    assert choose(Leaking(2, 3), "auto").name == "eager"


class Doubled(GRU):
    """The mutant: a step of its own beside the gates, which no kernel of torch.nn knows."""

    def step(self, x_BF, state):
        y_BH, state = super().step(x_BF, state)
        return 2 * y_BH, state


def test_a_step_of_its_own_is_what_the_loop_takes_and_what_vendor_is_held_to():
    cell = Doubled(2, 3)
    x_TBF = torch.randn(4, 2, 2, generator=seeded(0))
    y_TBH, _ = choose(cell, "eager").unroll(x_TBF, cell.initial_state(2, x_TBF))
    torch.testing.assert_close(y_TBH[0], cell.step(x_TBF[0], cell.initial_state(2, x_TBF))[0])
    with pytest.raises(ConfigError, match="unroll=vendor: outputs of Doubled differ"):
        choose(cell, "vendor")
