"""Choosing how a cell is carried through time."""

import pytest
import torch
from tiny import CELLS

from bench.api import Cell, GatedCell
from bench.errors import ConfigError
from bench.unroll.forms import choose


class Own(GatedCell):
    """A gated cell of which no vendor has a layer."""

    blocks = 1

    def gates(self, x_proj, h_proj, h):
        return torch.sin(x_proj + h_proj)


class Plain(Cell):
    """A cell that knows only single steps, with one tensor for a state."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.linear = torch.nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF, state):
        new = torch.tanh(self.linear(torch.cat([x_BF, state], -1)))
        return new, new


class Parallel(Plain):
    """The same with a form of its own over the whole sequence."""

    def unroll(self, x_TBF, state):
        outputs = []
        for x_BF in x_TBF:
            y_BH, state = self.step(x_BF, state)
            outputs.append(y_BH)
        return torch.stack(outputs), state


class Dropped(Parallel):
    """A subclass that drops the form which it inherits."""

    unroll = None


@pytest.mark.form_by_rule
@pytest.mark.parametrize(
    ("cell", "chosen"),
    [(cls, "vendor") for cls in CELLS] + [(Own, "eager"), (Plain, "eager"), (Dropped, "eager"), (Parallel, "parallel")],
)
def test_auto_takes_the_fastest_form_that_the_cell_has(cell, chosen):
    assert choose(cell(3, 4)).name == chosen


@pytest.mark.parametrize("cell", [*CELLS, Own, Plain, Parallel])
def test_every_cell_has_the_plain_loop(cell):
    form = choose(cell(3, 4), "eager")
    like = torch.zeros(2, 1, 3)
    y_TBH, _ = form.unroll(like, cell(3, 4).initial_state(1, like))
    assert (form.name, y_TBH.shape) == ("eager", (2, 1, 4))


@pytest.mark.parametrize(
    ("cell", "mode", "has"),
    [
        (Own, "vendor", "eager"),
        (Plain, "parallel", "eager"),
        (Parallel, "vendor", "eager, parallel"),
        (CELLS[0], "parallel", "eager, vendor"),
    ],
)
def test_a_form_that_a_cell_lacks_is_an_error_that_names_those_it_has(cell, mode, has):
    words = f"unroll={mode}: {cell.__name__} has no such form; it has {has} \\(or use unroll=auto\\)"
    with pytest.raises(ConfigError, match=words):
        choose(cell(3, 4), mode)


def test_the_choice_leaves_the_global_generator_and_the_gradients_alone():
    cell = CELLS[0](3, 4)
    before = torch.get_rng_state()
    choose(cell, "vendor")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in cell.parameters())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_form_keeps_the_dtype(cell, dtype):
    made = cell(3, 4).to(dtype)
    x_TBF = torch.zeros(2, 1, 3, dtype=dtype)
    for mode in ("eager", "vendor"):
        y_TBH, last = choose(made, mode).unroll(x_TBF, made.initial_state(1, x_TBF))
        assert {y_TBH.dtype, *(part.dtype for part in last)} == {dtype}
