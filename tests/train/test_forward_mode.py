"""Forward-mode gradients: chosen by name, refused in a line, in memory that does not grow with time."""

from dataclasses import replace

import pytest
import torch
from forward_mode import backward
from tiny import CPU64, Given, a_batch, a_model

from bench.api import Cell, leaves
from bench.cells.gru import GRU
from bench.cells.lru import LRU
from bench.cells.lstm import LSTM
from bench.errors import ConfigError
from bench.measure.peak import peak_of
from bench.model.around import Around
from bench.model.sequence import SequenceModel
from bench.train.gradient.choice import FORWARD_MODES, choose_gradient

SPEC = Given(train=[a_batch()]).spec


class Choosy(Cell):
    """Asks for a value, which torch.func cannot tell."""

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF, state):
        new = state + x_BF.sum(1, keepdim=True)
        return (new, new) if new.max() < 1 else (-new, -new)


def around(**options):
    return SequenceModel(SPEC, GRU, hidden=3, around=Around(**options))


class OwnStep(GRU):
    """Has the maps of a gated cell, and does with them what it likes."""

    def step(self, x_BF, state):
        y_BH, state = super().step(x_BF, state)
        return y_BH.flip(0), state


class Prepared(GRU):
    """Begins from a state that is learned."""

    def add_parameters(self):
        self.start = torch.nn.Parameter(torch.empty(self.hidden_size))

    def initial_state(self, batch_size, like):
        return (self.start.expand(batch_size, -1),)


@pytest.mark.parametrize(
    ("name", "model", "spec", "words"),
    [
        ("rtrll", a_model(), SPEC, r"gradient=rtrll: choose one of bptt, rtrl, uoro, eprop \(did you mean rtrl\?\)"),
        (
            "rtrl",
            a_model(dropout=0.5),
            SPEC,
            r"gradient=rtrl cannot train with model\.dropout=0\.5: set model\.dropout=0 or gradient=bptt$",
        ),
        (
            "eprop",
            around(zoneout=0.1),
            SPEC,
            "gradient=eprop cannot train with model.zoneout=0.1: set model.zoneout=0 or gradient=bptt",
        ),
        (
            "uoro",
            around(norm="batch"),
            SPEC,
            "gradient=uoro cannot train with model.norm=batch, which mixes the lanes of a batch",
        ),
        (
            "uoro",
            a_model(),
            replace(SPEC, reads="sequence"),
            "gradient=uoro cannot train given-v1, which maps sequences to sequences: set gradient=bptt",
        ),
        (
            "rtrl",
            a_model(LSTM, hidden=64),
            SPEC,
            r"of 512 lanes takes 8.\d+ GiB, and the limit is 1 GiB: lower model.hidden",
        ),
        (
            "eprop",
            a_model(LRU),
            SPEC,
            "gradient=eprop cannot train LRU, which is not a gated cell with exactly two linear maps",
        ),
        (
            "eprop",
            a_model(lambda F, H: LSTM(F, H, peepholes=True)),
            SPEC,
            "cannot train LSTM, which is not a gated cell with exactly two linear maps",
        ),
        ("eprop", a_model(OwnStep), SPEC, "gradient=eprop cannot train OwnStep, which is not a gated cell"),
        ("rtrl", a_model(Prepared), SPEC, "gradient=rtrl cannot train a cell whose initial state has weights"),
        (
            "rtrl",
            a_model(Choosy),
            SPEC,
            r"gradient=rtrl cannot train a model whose step torch.func cannot differentiate \(\w+\W+\w+.*\): set",
        ),
    ],
)
def test_what_cannot_be_trained_forward_says_why(name, model, spec, words):
    with pytest.raises(ConfigError, match=words) as raised:
        choose_gradient(name, model, spec, 512)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["uoro", "eprop"])
def test_the_cheaper_ones_take_what_rtrl_does_not(name):
    assert choose_gradient(name, a_model(GRU, hidden=48), SPEC, 64) is not None
    with pytest.raises(ConfigError, match="takes"):
        choose_gradient("rtrl", a_model(GRU, hidden=48), SPEC, 512)


def test_cells_keep_their_own_step():
    model, batch = a_model(GRU), a_batch()
    choose_gradient("eprop", model, SPEC, 2).accumulate(Given(train=[batch]), batch, None, 1.0)
    assert "step" not in vars(model.cells[0])


@pytest.mark.parametrize("name", FORWARD_MODES)
def test_the_size_of_an_influence_is_known_without_making_it(name):
    mode = choose_gradient(name, a_model(GRU), SPEC, 2)
    assert {leaf.device.type for leaf in leaves(mode.initial_influence(10**9, device="meta"))} == {"meta"}


def test_choosing_by_name():
    model = a_model(hidden=3)
    assert choose_gradient("bptt", model, SPEC, 2) is None
    assert {name: type(choose_gradient(name, model, SPEC, 2)) for name in FORWARD_MODES} == FORWARD_MODES


@pytest.mark.parametrize("mode", FORWARD_MODES.values(), ids=FORWARD_MODES)
def test_memory_does_not_grow_with_time_as_that_of_bptt_does(mode):
    model = a_model(LSTM)
    algorithm = mode(model, Given(train=[a_batch()]).spec, 2)

    def peak(work, T):
        batch = a_batch(T)
        return peak_of(lambda: work(batch), CPU64)

    def carried(batch):
        _, memory = algorithm.accumulate(Given(train=[batch]), batch, None, 1.0)
        assert not any(leaf.requires_grad for leaf in leaves(memory))

    peak(carried, 4)  # the gradients themselves lie there from now on
    assert peak(carried, 24) <= 1.05 * peak(carried, 4)
    assert peak(lambda b: backward(model, [b]), 24) > 4 * peak(lambda b: backward(model, [b]), 4)
