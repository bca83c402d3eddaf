"""A state is a tensor or a tuple of such, of real or complex numbers, counts or flags: whatever takes a model takes all
of these, and what is no such state is refused before a run."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pytest
import torch
from forward_mode import backward, check_same, forward
from tiny import CPU64, Given, Spy, a_batch, a_config, a_model
from torch import Tensor, nn

from bench.api import Cell, leaves
from bench.checks import check_cell
from bench.checks.quick import quick_check
from bench.diagnosis.gradient import gradient_norms
from bench.diagnosis.jacobian import jacobians, lyapunov
from bench.diagnosis.reach import reach
from bench.errors import ConfigError
from bench.model.transition import flatten, unflatten
from bench.train.gradient.rtrl import RTRL
from bench.train.gradient.uoro import UORO
from bench.train.loop import train


class Both(NamedTuple):
    z: Tensor
    h: Tensor


class Plain(Cell):
    """h' = tanh(W x + U h), with h kept in whatever form a subclass gives its state."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.w, self.u = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)

    def first(self, h, one):
        """The state that holds zeros `h [B, H]`, and what else is made of `one [B]`, zeros as well."""
        return h

    def next(self, x, state):
        """The next h, and the state that holds it."""
        h = torch.tanh(self.w(x) + self.u(state))
        return h, h

    def initial_state(self, batch_size, like):
        return self.first(like.new_zeros(batch_size, self.hidden_size), like.new_zeros(batch_size))

    def step(self, x_BF, state):
        return self.next(x_BF, state)

    def turned(self, z, x):
        """A complex state z turned by an angle for each unit, and driven."""
        drive = self.w(x)
        angle = torch.sigmoid(self.u.bias).expand_as(drive)
        return z * torch.polar(torch.full_like(drive, 0.9), angle) + drive


class OnlyComplex(Plain):
    def first(self, h, one):
        return torch.complex(h, h)

    def next(self, x, state):
        z = self.turned(state, x)
        return torch.tanh(self.u(z.real + z.imag)), z


class ComplexAndReal(Plain):
    """An odd number of real numbers stands before the complex ones."""

    def first(self, h, one):
        return one, Both(torch.complex(h, h), h)

    def next(self, x, state):
        age, (z, h) = state
        z = self.turned(z, x)
        h = torch.tanh(z.real + z.imag + self.u(h) + torch.sin(age)[:, None])
        return h, (age + 1, Both(z, h))


class Count(Plain):
    """A whole number, by which a table is read."""

    def first(self, h, one):
        return h, one.long()

    def next(self, x, state):
        h, age = state
        h = torch.tanh(self.w(x) + self.u(h) * torch.linspace(0.5, 1, 4).to(x)[age % 4, None])
        return h, (h, age + 1)


class Flag(Plain):
    def first(self, h, one):
        return h, one.bool()

    def next(self, x, state):
        h, seen = state
        h = torch.tanh(self.w(x) + torch.where(seen[:, None], self.u(h), 0))
        return h, (h, torch.ones_like(seen))


class Nested(Plain):
    def first(self, h, one):
        return (h, (h, ())), Both(h, h)

    def next(self, x, state):
        (h, (older, _)), both = state
        h_new = torch.tanh(self.w(x) + self.u(h) + older / 2 + both.z - both.h)
        return h_new, ((h_new, (h, ())), Both(older, both.z))


KINDS = [Plain, OnlyComplex, ComplexAndReal, Count, Flag, Nested]


@dataclass
class Record:
    h: Tensor


class Own(tuple):
    """A tuple with a class of its own, and no fields."""


def holding(pack, unpack, name):
    """A cell whose state is `pack(h)`."""

    class Other(Plain):
        def first(self, h, one):
            return pack(h)

        def next(self, x, state):
            h = torch.tanh(self.w(x) + self.u(unpack(state)))
            return h, pack(h)

    Other.__name__ = name
    return Other


REFUSED = {
    holding(lambda h: {"h": h}, lambda s: s["h"], "InADict"): "is dict instead of a tensor",
    holding(lambda h: [h], lambda s: s[0], "InAList"): "is list instead of a tensor",
    holding(lambda h: (h, None), lambda s: s[0], "WithNone"): "is NoneType instead of a tensor",
    holding(lambda h: (h, 1.0), lambda s: s[0], "WithANumber"): "is float instead of a tensor",
    holding(lambda h: (h, "h"), lambda s: s[0], "WithAWord"): "is str instead of a tensor",
    holding(lambda h: ((h, {"h": h}),), lambda s: s[0][0], "ADictWithin"): "is dict instead of a tensor",
    holding(Record, lambda s: s.h, "InADataclass"): "is Record instead of a tensor",
    holding(lambda h: Own((h,)), lambda s: s[0], "InATupleOfItsOwn"): "is Own instead of a tensor",
    holding(lambda h: (), lambda s: torch.zeros(()), "Nothing"): r"initial_state is tuple\(\), and holds nothing",
    holding(lambda h: h[:, :0], lambda s: 0 * s.sum(), "NoNumber"): "and holds nothing: without memory, keep zeros",
}


@pytest.mark.parametrize("cell", REFUSED, ids=lambda cell: cell.__name__)
def test_what_is_no_state_is_refused_before_a_run_and_by_bench_check(cell):
    message = REFUSED[cell]
    with pytest.raises(
        ConfigError, match=f"breaks the law `shapes are the contracts`: .*{message}.*named. tuple of such"
    ):
        quick_check(cell(3, 4))
    (verdict,) = check_cell(cell, laws=["shapes are the contracts"])
    assert verdict.outcome == "failed"
    assert "\n" not in verdict.message


@pytest.mark.parametrize("cell", KINDS)
def test_rtrl_is_the_gradient_of_full_bptt_for_any_state(cell):
    model, batch = a_model(cell, layers=2, hidden=3), a_batch(T=4)
    check_same(forward(RTRL, model, [batch]), backward(model, [batch]))


@pytest.mark.parametrize("cell", KINDS)
def test_uoro_is_that_gradient_on_average_for_any_state(cell):
    """Over one step it is that gradient without any noise."""
    model, batch = a_model(cell, hidden=3), a_batch(T=1)
    check_same(forward(UORO, model, [batch]), backward(model, [batch]))
    assert all(g is None or g.isfinite().all() for g in forward(UORO, model, [a_batch(T=5)]))


@pytest.mark.parametrize("cell", KINDS)
def test_every_diagnosis_takes_any_state(cell):
    model, batch = a_model(cell, hidden=3), a_batch(T=5)
    frames = gradient_norms(model, Given(valid=[batch]), batch), jacobians(model, batch), lyapunov(model, batch)
    for frame in (*frames, reach(model, batch)):
        assert len(frame) and frame.notna().all(axis=None)


def test_the_jacobian_of_complex_states_has_the_factor_by_which_they_shrink():
    frame = jacobians(a_model(OnlyComplex, layers=2, hidden=3), a_batch(T=3))
    assert set(frame["layer"]) == {1, 2}
    assert frame[["radius", "norm"]].to_numpy() == pytest.approx(0.9)


@pytest.mark.parametrize("cell", KINDS)
def test_any_state_goes_from_batch_to_batch(cell):
    batches, model = [a_batch(seed=i, fresh=i == 0) for i in range(3)], a_model(cell)
    steps = list(train(model, Given(train=batches), Spy(model), batches, a_config(window=2), CPU64))
    assert [type(leaf) for leaf in leaves(steps[-1].state)] == [Tensor] * len(leaves(model.initial_state(2)))


@pytest.mark.parametrize("cell", KINDS)
def test_a_flat_state_is_the_whole_of_it(cell):
    model = a_model(cell)
    _, state = model(a_batch(T=3).inputs, model.initial_state(2))
    flat_BN = flatten(state)
    assert flat_BN.dtype == torch.float64
    for was, now in zip(leaves(state), leaves(unflatten(flat_BN, model.initial_state(1))), strict=True):
        assert was.dtype == now.dtype
        assert torch.equal(was, now)


class Keeps(Plain):
    """Nothing is written into its state."""

    def first(self, h, one):
        return one.long()

    def next(self, x, state):
        return torch.tanh(self.w(x)), state + 1


def test_a_cell_without_memory_has_no_diagnosis_of_it_and_says_so():
    model, batch = a_model(Keeps), a_batch()
    for table in (
        partial(gradient_norms, model, Given(valid=[batch])),
        partial(jacobians, model),
        partial(lyapunov, model),
    ):
        with pytest.raises(ConfigError, match="the state of layer 1 depends on neither inputs nor weights"):
            table(batch)
