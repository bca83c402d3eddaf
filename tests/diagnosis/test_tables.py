"""What is said of a model over time, against recurrences for which it is known."""

import math
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recurrences import Counting, linear, rotation
from tiny import Given, a_batch, a_model, few
from torch.autograd import Function

from bench.api import Features
from bench.cells.gru import GRU
from bench.cells.lru import LRU
from bench.cells.lstm import LSTM
from bench.cells.transformer import Transformer
from bench.cells.vanilla import Vanilla
from bench.diagnosis import clipping, gates, gradient_norms, jacobians, lyapunov, reach, steps_until
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel

WEIGHTS = [0.1, 1.0, 2.0]


def of_lane(batch, lane, length):
    """One lane by itself, without its padding."""
    part = replace(batch.span(0, length), fresh=batch.fresh[[lane]], lengths=None)
    return replace(part, **{name: getattr(part, name)[:, [lane]] for name in ("inputs", "targets", "weight")})


def padded():
    """A batch in which the second lane is 3 steps long, the first 7."""
    batch = a_batch(T=7, B=2)
    batch.weight[3:, 1] = 0
    return replace(batch, lengths=torch.tensor([7, 3]))


@pytest.mark.parametrize("w", WEIGHTS)
def test_the_first_inputs_influence_on_the_fifth_output_is_the_weight_to_the_fourth(w):
    frame = reach(linear(w), a_batch(T=5))
    assert frame["lag"].tolist() == [0, 1, 2, 3, 4]
    assert frame["norm"].tolist() == pytest.approx([w**n for n in range(5)])
    assert frame["share"].tolist() == pytest.approx(frame["norm"].tolist())


@few
@given(st.floats(0.1, 2), st.floats(0.1, 2), st.integers(2, 6))
def test_in_two_layers_an_input_goes_all_ways_up(w, v, T):
    """y2_T by x_{T-n}: w^j v^(n-j) for a way that stays j steps below."""
    frame = reach(linear(w, v), a_batch(T))
    wanted = [sum(w**j * v ** (n - j) for j in range(n + 1)) for n in range(T)]
    assert frame["norm"].tolist() == pytest.approx(wanted)


def test_the_norm_of_wide_outputs_is_estimated():
    """From 32 of 40 directions; of a multiple of the identity it is known all the same."""
    torch.manual_seed(0)
    model = SequenceModel(replace(Given(train=[a_batch()]).spec, inputs=Features(40)), Vanilla, hidden=40).double()
    batch = replace(a_batch(T=3), inputs=torch.zeros(3, 2, 40, dtype=torch.float64))
    cell = model.cells[0]
    for parameter in cell.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.eye_(cell.weight_ih)
    torch.nn.init.eye_(cell.weight_hh)  # and tanh' is 1 at 0
    assert reach(model, batch)["norm"].tolist() == pytest.approx([math.sqrt(40)] * 3)


@pytest.mark.parametrize("w", WEIGHTS)
def test_the_gradient_of_the_state_is_multiplied_by_the_weight_at_each_step_back(w):
    model, batch = linear(w), a_batch(T=5, B=1)
    logits, _ = model(batch.inputs, model.initial_state(1))
    loss = Given(train=[batch]).loss(logits, batch)[-1].sum()
    (by_logits,) = torch.autograd.grad(loss, logits)
    at_the_end = float(by_logits[-1] @ model.head.weight)
    frame = gradient_norms(model, Given(train=[batch]), batch)
    assert frame["norm"].tolist() == pytest.approx([abs(at_the_end) * w**n for n in range(1, 5)])


def test_of_a_lower_layer_it_is_what_goes_through_the_layers_own_memory():
    """Of w^j v^(n-j) all but j = 0, which leaves the layer at once."""
    w, v = 0.5, 2.0
    model, batch = linear(w, v), a_batch(T=4, B=1)
    frame = gradient_norms(model, Given(train=[batch]), batch)
    lower, upper = (frame.loc[frame["layer"] == layer, "norm"].tolist() for layer in (1, 2))
    sums = [sum(w**j * v ** (n - j) for j in range(1, n + 1)) for n in (1, 2, 3)]
    assert [a / b for a, b in zip(lower, upper, strict=True)] == pytest.approx(
        [s / v**n for n, s in enumerate(sums, 1)]
    )


def test_the_loss_is_that_of_the_last_scored_step():
    model, batch = linear(0.5), a_batch(T=6, B=1, scored=slice(0, 4))
    shorter = a_batch(T=6, B=1).span(0, 4)
    found, wanted = (gradient_norms(model, Given(train=[b]), b) for b in (batch, shorter))
    pd.testing.assert_frame_equal(found, wanted)
    assert found["lag"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("diagnosis", [lambda m, b: gradient_norms(m, Given(train=[b]), b), reach])
def test_a_padded_lane_counts_from_its_own_end(diagnosis):
    model, batch = a_model(LSTM), padded()
    frame = diagnosis(model, batch)
    assert set(frame["lanes"]) == {1, 2}, "at some lags both lanes are there, at others the longer one"
    alone = [
        diagnosis(model, of_lane(batch, lane, length)).set_index("lag")["norm"] for lane, length in ((0, 7), (1, 3))
    ]
    for _, row in frame.iterrows():
        norms = [norm[row["lag"]] for norm in alone if row["lag"] in norm.index]
        assert row["lanes"] == len(norms)
        assert row["norm"] == pytest.approx(sum(norms) / len(norms))


def check_jacobian(matrix, radius, norm):
    frame = jacobians(linear(matrix), a_batch(T=3))
    assert frame["t"].tolist() == [0, 1, 2]
    assert frame["radius"].tolist() == pytest.approx([radius] * 3, abs=1e-6)
    assert frame["norm"].tolist() == pytest.approx([norm] * 3)


def test_the_jacobian_of_a_linear_step_is_its_matrix():
    check_jacobian(rotation(0.7), radius=1, norm=1)
    check_jacobian([[-2.0, 0.0], [0.0, 1.0]], radius=2, norm=2)
    check_jacobian([[0.0, 5.0], [0.0, 0.0]], radius=0, norm=5)  # stretches once and then forgets


def test_each_layer_has_its_own_jacobian():
    frame = jacobians(linear(0.5, -3.0), a_batch(T=2))
    assert frame.loc[frame["t"] == 1, "radius"].tolist() == pytest.approx([0.5, 3.0])


def test_a_state_of_the_greatest_width_still_has_a_jacobian(monkeypatch):
    monkeypatch.setattr("bench.diagnosis.jacobian._WIDEST", 5)
    assert not jacobians(a_model(Vanilla, hidden=5), a_batch(T=1)).empty
    with pytest.raises(ConfigError, match="the state of a layer has 6 numbers"):
        jacobians(a_model(Vanilla, hidden=6), a_batch(T=1))


def test_jacobians_are_taken_at_few_of_many_steps_and_of_no_state_too_wide():
    steps = jacobians(linear(0.5), a_batch(T=100))["t"].tolist()
    assert len(steps) == 16 and steps[0] == 0 and steps[-1] == 99
    with pytest.raises(
        ConfigError, match="the state of a layer has 1025 numbers, and eigenvalues are computed for at most 1024"
    ):
        jacobians(a_model(Vanilla, hidden=1025), a_batch(T=1))


@pytest.mark.parametrize(
    ("matrix", "exponent"),
    [
        (torch.eye(3), 0.0),
        (rotation(0.3), 0.0),
        (0.1, math.log(0.1)),
        (2.0, math.log(2)),
        ([[2.0, 0.0], [0.0, 0.5]], math.log(2)),
        ([[0.9, 5.0], [0.0, 0.2]], math.log(0.9)),  # not by the norm, which is above 5
    ],
)
def test_the_largest_exponent_of_a_linear_recurrence(matrix, exponent):
    frame = lyapunov(linear(matrix), a_batch(T=60))
    assert frame["steps"].tolist() == [45, 45]
    assert frame["exponent"].tolist() == pytest.approx([exponent] * 2, abs=1e-5)


def test_a_disturbance_is_followed_to_a_lanes_own_end():
    model, batch = a_model(GRU), padded()
    alone = lyapunov(model, of_lane(batch, 0, 7)).loc[0]
    found = lyapunov(model, batch)
    assert found.loc[0, "exponent"] == pytest.approx(alone["exponent"])
    assert found["steps"].tolist() == [6, 3]
    ended = lyapunov(model, replace(batch.span(0, 3), lengths=None))
    assert found.loc[1, "exponent"] == pytest.approx(ended.loc[1, "exponent"])


def test_a_jacobian_is_the_mean_over_the_lanes_that_have_not_ended():
    """The lanes differ, so that one that has ended and is stepped on would show."""
    model, batch = a_model(GRU), padded()
    found = jacobians(model, batch)[["radius", "norm"]]
    whole, short = (jacobians(model, of_lane(batch, lane, n))[["radius", "norm"]] for lane, n in ((0, 7), (1, 3)))
    assert not (abs(whole[:3] - short) < 1e-3).any(axis=None)
    pd.testing.assert_frame_equal(found, pd.concat([(whole[:3] + short) / 2, whole[3:]]))


class Opaque(Function):
    """Doubles, with a gradient but no forward-mode derivative."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        return 2 * g


class Custom(Vanilla):
    def gates(self, x_proj, h_proj, h):
        return Opaque.apply(super().gates(x_proj, h_proj, h))


def test_a_step_without_a_forward_mode_derivative_has_no_exponent():
    with pytest.raises(ConfigError, match="the step has no forward-mode derivative"):
        lyapunov(a_model(Custom), a_batch())


def test_a_count_of_steps_is_no_memory():
    """It doubles at every step, whatever is read; the recurrence beside it halves what it holds."""
    model, batch = linear(0.5, kind=Counting), a_batch(T=8)
    assert jacobians(model, batch)["radius"].max() == pytest.approx(0.5)
    assert lyapunov(model, batch)["exponent"].tolist() == pytest.approx([math.log(0.5)] * 2)
    plain = gradient_norms(linear(0.5), Given(train=[batch]), batch)
    pd.testing.assert_frame_equal(gradient_norms(model, Given(train=[batch]), batch), plain)


def stuck(reset, update):
    """A GRU whose gates stand where the biases put them."""
    model = a_model(GRU, hidden=2)
    for parameter in model.cells[0].parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        model.cells[0].bias_ih.copy_(torch.tensor([reset, reset, update, update, 0.0, 0.0]))
    return model


def test_gates_lie_in_their_bins_in_the_order_of_the_equation():
    frame = gates(stuck(reset=-9.0, update=9.0), a_batch())
    full = frame[frame["share"] > 0]
    assert full[["layer", "gate", "low", "high", "share"]].to_numpy().tolist() == [[1, 1, 0, 0.1, 1], [1, 2, 0.9, 1, 1]]


def test_shares_add_up_for_every_gate_of_every_layer():
    frame = gates(a_model(LSTM, layers=2), a_batch())
    sums = frame.groupby(["layer", "gate"])["share"].sum()
    assert sums.index.tolist() == [(layer, gate) for layer in (1, 2) for gate in (1, 2, 3)]
    assert sums.tolist() == pytest.approx([1.0] * 6)


def test_gates_over_padding_are_not_counted():
    model, batch = a_model(GRU), padded()
    ones = [gates(model, of_lane(batch, lane, length))["share"] for lane, length in ((0, 7), (1, 3))]
    assert gates(model, batch)["share"].tolist() == pytest.approx((0.7 * ones[0] + 0.3 * ones[1]).tolist())


def test_a_cell_without_a_sigmoid_has_no_gates():
    assert gates(a_model(Vanilla), a_batch()).empty


@pytest.mark.parametrize(
    ("shares", "half", "hundredth"),
    [
        ([1, 0.4, 0.001], 1, 2),
        ([1, 0.3, 0.9, 0.4], 3, math.inf),  # what comes back was not lost
        ([1, 1, 1], math.inf, math.inf),
    ],
)
def test_the_memory_ends_where_the_influence_stays_below(shares, half, hundredth):
    frame = pd.DataFrame({"lag": range(len(shares)), "share": shares})
    assert (steps_until(frame, 0.5), steps_until(frame, 0.01)) == (half, hundredth)


def test_clipping_cuts_norms_off_at_the_limit():
    curve = pd.DataFrame({"step": [1, 2], "grad_norm": [0.5, 7.0], "train_loss": [1.0, 1.0]})
    assert clipping(curve, 1.0).to_numpy().tolist() == [[1, 0.5, 0.5], [2, 7, 1]]
    assert clipping(curve, None)["after"].tolist() == [0.5, 7]


@pytest.mark.parametrize("cell", [LRU, partial(Transformer, context=3), LSTM])
def test_any_cell_is_looked_at_and_left_as_it_was(cell):
    model, batch = a_model(cell, layers=2, hidden=4), a_batch(T=4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for frame in (
        gradient_norms(model, Given(train=[batch]), batch),
        jacobians(model, batch),
        lyapunov(model, batch),
        reach(model, batch),
    ):
        assert not frame.empty and not frame.isna().any(axis=None)
    gates(model, batch)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any("step" in vars(cell) for cell in model.cells) and not model.encoder._forward_hooks
