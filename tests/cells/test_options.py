"""Options of the classic cells: where they start, what fast forms they keep, what they refuse."""

from __future__ import annotations

import inspect
import math
from functools import partial

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.cells.exprnn import ExpRNN
from bench.cells.gru import GRU
from bench.cells.indrnn import IndRNN
from bench.cells.irnn import IRNN
from bench.cells.lem import LEM
from bench.cells.lstm import LSTM
from bench.cells.rhn import RHN
from bench.cells.scrn import SCRN
from bench.cells.slstm import SLSTM
from bench.cells.vanilla import Vanilla
from bench.config.catalogue import choices
from bench.config.schema import InitConfig
from bench.job.build import load_cell
from bench.model.init import draw_cell
from bench.unroll.eager import unroll_eager
from bench.unroll.forms import choose

NAMES = [
    "vanilla", "irnn", "lstm", "peephole_lstm", "cifg", "layernorm_lstm", "gru", "gru_before", "mgu", "ugrnn", "janet",
    "indrnn", "exprnn", "scrn", "rhn", "lem", "slstm",
]  # fmt: skip


def seeded(cls, *arguments, **options):
    torch.manual_seed(3)
    return cls(*arguments, **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_lists_every_option_of_its_cell(name):
    cls, checked = load_cell(yaml.safe_load(choices("cell")[name].path.read_text()))
    assert list(checked) == list(inspect.signature(cls).parameters)[2:]
    assert cls(3, 5, **checked).hidden_size == 5


@pytest.mark.parametrize(("cls", "layer"), [(Vanilla, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU), (IRNN, nn.RNN)])
def test_with_init_torch_one_seed_draws_torch_s_own_weights(cls, layer):
    cell = seeded(partial(draw_cell, InitConfig(start="torch"), cls, {}), 3, 5)
    for ours, theirs in zip(cell.parameters(), seeded(layer, 3, 5).parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("options", [{}, {"peepholes": True}, {"coupled": True}])
def test_all_that_an_lstm_draws_otherwise_than_torch_is_the_bias_of_its_forget_gate(options):
    ours = dict(seeded(LSTM, 3, 5, **options).named_parameters())
    theirs = dict(seeded(partial(draw_cell, InitConfig(start="torch"), LSTM, options), 3, 5).named_parameters())
    block = slice(0, 5) if options.get("coupled") else slice(5, 10)
    for name, value in (("bias_ih", 1.0), ("bias_hh", 0.0)):
        assert (ours[name][block] == value).all() and not (theirs[name][block] == value).any()
        theirs[name].data[block] = value
    for name, parameter in ours.items():
        assert torch.equal(parameter, theirs[name]), name


@pytest.mark.form_by_rule
@pytest.mark.parametrize(
    ("cls", "options", "has"),
    [(Vanilla, {"activation": "tanh"}, True), (Vanilla, {"activation": "relu"}, True), (IRNN, {}, True),
     (Vanilla, {"activation": "sigmoid"}, False), (Vanilla, {"activation": "leaky_relu"}, False),
     (LSTM, {}, True), (LSTM, {"peepholes": True}, False), (LSTM, {"coupled": True}, False),
     (LSTM, {"layer_norm": True}, False)],
)  # fmt: skip
def test_a_vendor_form_is_there_for_torch_s_equation_alone(cls, options, has):
    form = choose(seeded(cls, 3, 5, **options))
    assert not form.told, "the two disagree"
    assert (form.name == "vendor") == has


def test_the_identity_start_of_irnn():
    cell = seeded(IRNN, 30, 40)
    assert cell.activation == "relu"
    assert torch.equal(cell.weight_hh, torch.eye(40))
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()
    assert cell.weight_ih.std().item() == pytest.approx(0.001, rel=0.1)


def test_highway_layers_begin_close_to_passing_the_state_on():
    cell, x_BF, h = seeded(RHN, 3, 5, depth=3, transform_bias=-9.0), torch.randn(2, 3), torch.rand(2, 5)
    assert (cell.step(x_BF, h)[0] - h).abs().max() < 0.01
    assert (seeded(RHN, 3, 5, depth=3, transform_bias=0.0).step(x_BF, h)[0] - h).abs().max() > 0.1


def test_an_indrnn_clips_its_recurrent_weights_at_the_start_and_after_an_update():
    cell = seeded(IndRNN, 3, 50, u_max=0.5)
    assert cell.weight_hh.max() == 0.5
    cell.weight_hh.data[:5] = torch.tensor([-2.0, -0.1, 0.0, 0.4, 2.0])
    cell.after_update()
    assert torch.equal(cell.weight_hh[:5], torch.tensor([-0.5, -0.1, 0.0, 0.4, 0.5]))


def test_a_recurrent_weight_at_its_bound_gets_a_gradient_and_so_can_return():
    cell = seeded(IndRNN, 3, 5, u_max=0.5)
    cell.weight_hh.data.fill_(9.0)
    cell.after_update()
    y_BH, _ = cell.step(torch.full((1, 3), 5.0) * cell.weight_ih[0].sign(), torch.ones(1, 5))
    y_BH.sum().backward()
    assert cell.weight_hh.grad[0] == 1


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 9), st.floats(0, 20), st.integers(0, 99))
def test_an_exprnn_turns_its_state_whatever_its_parameters(hidden, scale, seed):
    torch.manual_seed(seed)
    cell = ExpRNN(2, hidden).double()
    nn.init.normal_(cell.skew, std=scale)
    nn.init.zeros_(cell.bias)
    h = torch.randn(3, hidden, dtype=torch.float64)
    turned, _ = cell.step(torch.zeros(3, 2, dtype=torch.float64), h)
    torch.testing.assert_close(turned.norm(dim=1), h.norm(dim=1))


@pytest.mark.parametrize(("init", "low", "high"), [("henaff", 0.0, math.pi), ("cayley", 0.0, math.tan(math.pi / 4))])
def test_an_exprnn_starts_by_turning_pairs(init, low, high):
    rotation = seeded(ExpRNN, 2, 7, init=init).rotation().detach()
    for pair in range(3):
        block = rotation[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2]
        assert low < torch.atan2(block[0, 1], block[0, 0]).abs() <= high
    assert torch.count_nonzero(rotation) == 3 * 4 + 1
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(7), rtol=0, atol=2e-6)


@pytest.mark.form_by_rule
def test_an_exprnn_takes_one_exponential_for_a_whole_sequence():
    form = choose(seeded(ExpRNN, 3, 5))
    assert (form.name, form.told) == ("parallel", False)


@settings(max_examples=15, deadline=None)
@given(st.floats(-50, 50), st.sampled_from(["sigmoid", "exp"]))
def test_the_output_of_an_slstm_does_not_depend_on_its_stabiliser(shift, forget):
    cell = seeded(SLSTM, 3, 5, forget=forget).double()
    x_TBF = torch.randn(4, 2, 3, dtype=torch.float64)
    _, (h, c, n, m) = unroll_eager(cell, x_TBF, cell.initial_state(2, like=x_TBF))
    scale = math.exp(-shift)
    shifted = unroll_eager(cell, x_TBF, (h, c * scale, n * scale, m + shift))[0]
    torch.testing.assert_close(shifted, unroll_eager(cell, x_TBF, (h, c, n, m))[0])


@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_exponential_gates_do_not_overflow(forget, size):
    cell = seeded(SLSTM, 3, 5, forget=forget)
    cell.set_forget_bias(3.0)
    x_TBF = size * torch.randn(500, 2, 3)
    y_TBH, state = unroll_eager(cell, x_TBF, cell.initial_state(2, like=x_TBF))
    gradients = torch.autograd.grad(y_TBH.sum(), list(cell.parameters()))
    assert all(t.isfinite().all() for t in (y_TBH, *state, *gradients))
    assert y_TBH.abs().max() <= 1
    assert (state[2] >= 1).all()  # the normaliser


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IndRNN(3, 5, u_max=0.0), "u_max=0.0: must be above 0"),
        (lambda: ExpRNN(3, 1), "hidden size 1: .* choose 2 or more"),
        (lambda: SCRN(3, 5, context=5), "context=5: must be at least 1 and below the hidden size 5"),
        (lambda: SCRN(3, 1), "context=1: must be at least 1 and below the hidden size 1"),
        (lambda: SCRN(3, 5, alpha=1.5), r"alpha=1.5: must be in \[0, 1\]"),
        (lambda: RHN(3, 5, depth=0), "depth=0: must be 1 or more"),
        (lambda: LEM(3, 5, dt=0.0), "dt=0.0: must be above 0"),
    ],
)
def test_an_option_out_of_range_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("init", ["cayley", "henaff"])
def test_a_rotation_s_gradient_in_float32_is_that_in_float64(init):
    """torch's own exponential loses up to 1% of it."""
    torch.manual_seed(0)
    cell = ExpRNN(2, 200, init=init)
    gradients = []
    for dtype in (torch.float32, torch.float64):
        cell.to(dtype)
        y_TBH, _ = cell.unroll(torch.ones(20, 2, 2, dtype=dtype), torch.zeros(2, 200, dtype=dtype))
        weight = torch.linspace(-1, 1, y_TBH.numel(), dtype=dtype).view_as(y_TBH)
        gradients.append(torch.autograd.grad((y_TBH * weight).sum(), cell.skew)[0].double())
    error = (gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max()
    assert error < 1e-4
