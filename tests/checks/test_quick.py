"""The quick check of a cell before its run: each kind of mistake has a line of its own."""

import math
import re

import pytest
import torch
from mutants_cells import KeepsItsScaleAlone
from tiny import CELLS

from bench.api import Cell
from bench.cells.lstm import LSTM
from bench.checks.quick import quick_check
from bench.errors import ConfigError


class Right(Cell):
    """A cell that keeps to the contract, for its broken subclasses to break."""

    def __init__(self, input_size=3, hidden_size=4):
        super().__init__(input_size, hidden_size)
        self.linear = torch.nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return (like.new_zeros(batch_size, self.hidden_size),)

    def step(self, x_BF, state):
        new = torch.tanh(self.linear(torch.cat([x_BF, state[0]], -1)))
        return new, (new,)


class WrongInput(Right):
    def step(self, x_BF, state):
        return super().step(x_BF[:, 1:], state)


class OneValue(Right):
    def step(self, x_BF, state):
        return super().step(x_BF, state)[0]


class WrongOutput(Right):
    def step(self, x_BF, state):
        y, state = super().step(x_BF, state)
        return y[:, 1:], state


class NoTensor(Right):
    def step(self, x_BF, state):
        return None, super().step(x_BF, state)[1]


class WrongState(Right):
    def step(self, x_BF, state):
        y, (h,) = super().step(x_BF, state)
        return y, (h[:1],)


class BareState(Right):
    def step(self, x_BF, state):
        y, (h,) = super().step(x_BF, state)
        return y, h


class Infinite(Right):
    def step(self, x_BF, state):
        y, state = super().step(x_BF, state)
        return y * math.nan, state


class Raising(Right):
    def step(self, x_BF, state):
        raise ValueError("first line\nsecond line")


MESSAGES = {
    WrongInput: "RuntimeError at test_quick.py:28 in step: mat1 and mat2 shapes cannot be multiplied",
    OneValue: "step returns float32[2, 4] instead of (output, state)",
    WrongOutput: "step: the output is float32[2, 3] instead of [2, 4]",
    NoTensor: "step: the output is NoneType instead of [2, 4]",
    WrongState: "step: the state becomes tuple(float32[1, 4]), initial_state has tuple(float32[2, 4])",
    BareState: "step: the state becomes float32[2, 4], initial_state has tuple(float32[2, 4])",
    Infinite: "step: the output is not finite from time 0 on",
    Raising: "ValueError at test_quick.py:73 in step: first line;",
}


@pytest.mark.parametrize("cell", [*CELLS, Right])
def test_a_cell_that_keeps_to_the_contract_passes(cell):
    quick_check(cell(3, 4))


@pytest.mark.parametrize("cell", MESSAGES)
def test_a_mistake_is_one_line_that_says_where_it_is_and_what_was_expected(cell):
    with pytest.raises(
        ConfigError, match=f"cell {cell.__name__} breaks the law `.*`: {re.escape(MESSAGES[cell])}"
    ) as caught:
        quick_check(cell())
    assert "\n" not in str(caught.value)


def test_only_a_run_with_zoneout_asks_a_cell_to_bear_it():
    quick_check(KeepsItsScaleAlone(3, 4))
    with pytest.raises(ConfigError, match=r"with model\.zoneout=0\.5 the output is not finite.* set apart = False"):
        quick_check(KeepsItsScaleAlone(3, 4), zoneout=True)
    quick_check(LSTM(3, 4), zoneout=True)


def test_the_check_leaves_the_global_generator_alone():
    cell, before = Right(), torch.get_rng_state()
    quick_check(cell)
    assert torch.equal(torch.get_rng_state(), before)
