"""What the built-in gated cells share: names, layout and first weights as torch.nn has them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS

from bench.api import map_state
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.config.schema import InitConfig
from bench.model.init import draw_cell


@pytest.mark.parametrize("cls", CELLS)
def test_parameters_are_named_and_shaped_as_in_torch(cls):
    cell = cls(3, 5)
    theirs = {name.removesuffix("_l0"): parameter.shape for name, parameter in cell.vendor().named_parameters()}
    assert {name: parameter.shape for name, parameter in cell.named_parameters()} == theirs


@pytest.mark.parametrize("cls", CELLS)
def test_first_weights_are_uniform_within_one_over_the_root_of_the_width(cls):
    torch.manual_seed(0)
    hidden = 64
    for name, parameter in cls(64, hidden).named_parameters():
        if cls is LSTM and "bias" in name:  # but for the forget gate
            parameter = torch.cat([parameter[:hidden], parameter[2 * hidden :]])
        bound = 1 / math.sqrt(hidden)
        assert parameter.abs().max() <= bound
        assert parameter.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)


@given(st.floats(-3, 3))
def test_the_forget_bias_is_the_sum_of_both_biases_at_the_forget_gate_and_touches_no_other(bias):
    torch.manual_seed(0)
    plain = LSTM(3, 5)
    torch.manual_seed(0)
    cell = LSTM(3, 5)
    cell.set_forget_bias(bias)
    total, untouched = cell.bias_ih + cell.bias_hh, plain.bias_ih + plain.bias_hh
    assert torch.allclose(total[5:10], torch.full((5,), bias))
    others = [*range(5), *range(10, 20)]
    assert torch.equal(total[others], untouched[others])
    assert torch.equal(cell.weight_ih, plain.weight_ih)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_a_forget_bias_of_0_is_a_value_like_any_other(forget_bias):
    """And not the absence of one."""
    cell = draw_cell(InitConfig(forget_bias=forget_bias), LSTM, {}, 3, 5)
    assert (cell.bias_ih + cell.bias_hh)[5:10].tolist() == [forget_bias] * 5


def test_a_gru_whose_update_gate_is_at_one_keeps_its_state():
    cell = GRU(2, 3)
    torch.nn.init.constant_(cell.bias_ih[3:6], 1e4)
    state = (torch.randn(1, 3),)
    torch.testing.assert_close(cell.step(torch.randn(1, 2), state)[0], state[0])


@pytest.mark.parametrize("cls", CELLS)
def test_the_first_state_is_zero_in_the_dtype_asked_for(cls):
    state = cls(3, 5).initial_state(2, like=torch.ones(1, dtype=torch.float64))
    assert len(state) == len(cls.states)
    assert all(torch.equal(part, torch.zeros(2, 5, dtype=torch.float64)) for part in state)


def test_a_function_is_mapped_over_states_of_any_structure():
    from typing import NamedTuple

    class Pair(NamedTuple):
        h: torch.Tensor
        c: tuple

    state = Pair(torch.ones(1), (torch.ones(2), torch.ones(3)))
    doubled = map_state(torch.add, state, state)
    assert isinstance(doubled, Pair)
    assert [part.tolist() for part in (doubled.h, *doubled.c)] == [[2.0], [2.0] * 2, [2.0] * 3]
    with pytest.raises(ValueError, match="zip"):
        map_state(torch.add, state, (state.h,))
