"""Starts of known formula, to the last bit: published ones of a cell, and the bias of the gate that keeps the state."""

from __future__ import annotations

import math

import pytest
import torch
import yaml
from torch import nn

from bench.api import leaves, map_state
from bench.cells.irnn import IRNN
from bench.cells.janet import JANET
from bench.cells.lstm import LSTM
from bench.cells.slstm import SLSTM
from bench.cells.vanilla import Vanilla
from bench.config.catalogue import choices
from bench.config.schema import InitConfig
from bench.errors import ConfigError
from bench.job.build import load_cell
from bench.model.init import draw_cell

F, H = 30, 40
NORMAL_IDENTITY = {"input": "normal", "recurrent": "identity", "bias": "zero"}


def drawn(cls, options=None, size=H, **init):
    torch.manual_seed(3)
    return draw_cell(InitConfig(**init), cls, options or {}, F, size)


def uniform(blocks, size=H):
    """The parameters of a gated cell as its constructor draws them, in the order in which it does."""
    torch.manual_seed(3)
    shapes = {"weight_ih": (blocks * size, F), "weight_hh": (blocks * size, size)}
    shapes |= {"bias_ih": (blocks * size,), "bias_hh": (blocks * size,)}
    bound = 1 / math.sqrt(size)
    return {name: torch.empty(shape).uniform_(-bound, bound) for name, shape in shapes.items()}


def identity(sigma):
    drawn = uniform(1)
    drawn["weight_ih"].normal_(0, sigma)
    drawn["bias_ih"].zero_()
    drawn["bias_hh"].zero_()
    return drawn | {"weight_hh": torch.eye(H)}


def normal(sigma):
    drawn = identity(sigma)
    return drawn | {"weight_hh": torch.empty(H, H).normal_(0, sigma)}


def orthogonal():
    drawn = uniform(1)
    nn.init.orthogonal_(drawn["weight_hh"])
    return drawn


@pytest.mark.parametrize(
    ("cls", "init", "formula"),
    [
        (Vanilla, {}, lambda: uniform(1)),
        (IRNN, {}, lambda: identity(0.001)),
        (
            Vanilla,
            {"input": "normal", "sigma": 0.001, "recurrent": "identity", "bias": "zero"},
            lambda: identity(0.001),
        ),
        (Vanilla, NORMAL_IDENTITY | {"sigma": 0.2}, lambda: identity(0.2)),
        (Vanilla, {"input": "normal", "recurrent": "normal", "bias": "zero"}, lambda: normal(1.0)),
        (Vanilla, {"input": "normal", "recurrent": "normal", "bias": "zero", "sigma": 0.2}, lambda: normal(0.2)),
        (Vanilla, {"recurrent": "orthogonal"}, orthogonal),
    ],
)
def test_a_vanilla_start_is_its_formula_to_the_last_bit(cls, init, formula):
    found, wanted = dict(drawn(cls, **init).named_parameters()), formula()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("longest", [3, 100])
def test_chrono_biases_of_janet_are_its_paper_s_to_the_last_bit(longest):
    found, wanted = dict(drawn(JANET, size=500, chrono=longest).named_parameters()), uniform(2, 500)
    wanted["bias_ih"].zero_()
    wanted["bias_hh"].zero_()
    wanted["bias_ih"][:500].uniform_(1, longest - 1).log_()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name
    assert 0 <= found["bias_ih"][:500].min() <= math.log(2)
    assert math.log(0.8 * longest - 0.8) < found["bias_ih"][:500].max() <= math.log(longest - 1)


@pytest.mark.parametrize(
    ("cls", "options", "block"),
    [(LSTM, {}, 1), (LSTM, {"peepholes": True}, 1), (LSTM, {"coupled": True}, 0), (SLSTM, {}, 1)],
)
def test_a_forget_bias_moves_only_the_forget_gate(cls, options, block):
    moved, default = drawn(cls, options, forget_bias=2.0), drawn(cls, options)
    sums, plain = moved.bias_ih + moved.bias_hh, default.bias_ih + default.bias_hh
    forget = torch.arange(len(sums)) // H == block
    assert (sums[forget] == 2).all()
    assert torch.equal(sums[~forget], plain[~forget])


def test_a_forget_bias_under_layer_norm_is_the_shift_of_the_forget_gate():
    cell = drawn(LSTM, {"layer_norm": True}, size=5, forget_bias=2.0)
    assert ((cell.norm_ih.bias + cell.norm_hh.bias)[5:10] == 2).all()
    assert (cell.norm_ih.weight == 1).all()


def test_layer_norms_that_read_zeros_first_are_not_at_their_steepest():
    """Zeros for inputs, as of padding or of an image's border, once multiplied slopes of 316: nan after 10 of them."""
    cell = drawn(LSTM, {"layer_norm": True})
    x_TBF = torch.cat([torch.zeros(10, 1, F), torch.ones(1, 1, F)])
    state = cell.initial_state(1, x_TBF)
    for x_BF in x_TBF:
        y_BH, state = cell.step(x_BF, state)
    y_BH.sum().backward()
    assert all(parameter.grad.norm() < 1000 for parameter in cell.parameters())


OPENED = {
    "lstm": {"bias_ih": 1, "bias_hh": 1},
    "peephole_lstm": {"bias_ih": 1, "bias_hh": 1},
    "cifg": {"bias_ih": 0, "bias_hh": 0},
    "layernorm_lstm": {"norm_ih.bias": 1, "norm_hh.bias": 1},
    "slstm": {"bias_ih": 1, "bias_hh": 1},
    "gru": {"bias_ih": 1, "bias_hh": 1},
    "gru_before": {"input.bias": 1},
    "ugrnn": {"bias_ih": 0, "bias_hh": 0},
    "janet": {"bias_ih": 0, "bias_hh": 0},
    "minlstm": {"project.bias": 0},
    "sru": {"bias": 0},
    "qrnn": {"project.bias": 1},
    "mlstm": {"scalar_gates.bias": 1},
}
"""Cells with a gate that keeps the state: the block of its bias, by the name of the parameter."""


@pytest.mark.parametrize(("name", "where"), OPENED.items(), ids=OPENED)
def test_a_forget_bias_is_set_in_one_block_and_nowhere_else(name, where):
    cell = cell_of(name, H)
    wanted, first = dict(cell.named_parameters()), 2.0 - getattr(cell, "keeps_constant", 0.0)
    for start, (parameter, block) in zip((first, 0.0), where.items(), strict=False):
        width = 4 if name == "mlstm" else H  # one gate a head
        value = wanted[parameter].detach().clone()
        value[block * width : (block + 1) * width] = start
        wanted[parameter] = value
    for parameter, value in cell_of(name, H, forget_bias=2.0).named_parameters():
        assert torch.equal(value, wanted[parameter]), parameter


def cell_of(name, size=8, **init):
    cls, options = load_cell(yaml.safe_load(choices("cell")[name].path.read_text()))
    return drawn(cls, options, size=size, **init)


@pytest.mark.parametrize("name", sorted(set(choices("cell")) - {"custom", *OPENED}))
def test_a_cell_without_a_gate_that_keeps_refuses_a_forget_bias_in_one_line(name):
    cls = type(cell_of(name))
    with pytest.raises(ConfigError) as caught:
        cell_of(name, forget_bias=1.0)
    assert (
        str(caught.value)
        == f"init.forget_bias=1.0: {cls.__name__} has no gate with a bias that keeps its state; set null"
    )


@pytest.mark.parametrize("name", OPENED)
def test_with_a_high_forget_bias_a_cell_keeps_its_state(name):
    """By its effect: how much a state still tells of the one some steps before it."""
    kept, lost = (what_is_left(cell_of(name, forget_bias=bias)) for bias in (9.0, -9.0))
    assert kept > 2 * lost


def what_is_left(cell):
    """The size of the gradient of a state for the one four steps before it."""
    x_BF = torch.ones(1, F)
    _, state = cell.step(x_BF, cell.initial_state(1, x_BF))
    state = first = map_state(lambda part: part.detach().requires_grad_(), state)
    for _ in range(4):
        _, state = cell.step(x_BF, state)
    total = sum(part.sum() for part in leaves(state))
    gradients = torch.autograd.grad(total, leaves(first), allow_unused=True)
    return sum(gradient.abs().sum().item() for gradient in gradients if gradient is not None)
