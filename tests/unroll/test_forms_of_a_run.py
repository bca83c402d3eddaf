"""A fast form is compared with the loop of steps over sequences as long as the run's, and in its arithmetic."""

from functools import partial

import pytest
import torch
import yaml
from cli_tools import COPY
from torch import nn

from bench.api import Cell
from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.errors import ConfigError
from bench.job.build import load_cell
from bench.job.ended import Ended
from bench.job.execute import say_what_begins
from bench.job.prepared import prepare
from bench.unroll.agreement import PIECE, disagreement
from bench.unroll.eager import unroll_eager
from bench.unroll.forms import choose


class Leaky(Cell):
    """h' = a h + tanh(W x), a near 1, so that a state that is lost is missed for long."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size, hidden_size)
        self.keep = nn.Parameter(torch.full((hidden_size,), 3.0))

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF, state):
        new = torch.sigmoid(self.keep) * state + torch.tanh(self.linear(x_BF))
        return new, new

    def unroll(self, x_TBF, state):
        return unroll_eager(self, x_TBF, state)


def in_blocks(steps, gradient_alone=False):
    """A cell whose fast form loses its state, or the gradient through it, every so many steps."""

    class Blocks(Leaky):
        def unroll(self, x_TBF, state):
            outputs = []
            for block_TBF in x_TBF.split(steps):
                if outputs:
                    state = state.detach() if gradient_alone else torch.zeros_like(state)
                y_TBH, state = super().unroll(block_TBF, state)
                outputs.append(y_TBH)
            return torch.cat(outputs), state

    return Blocks(3, 5)


class OtherFromAState(Leaky):
    """A form that is right from zeros alone."""

    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return (y_TBH + 0.1 if state.any() else y_TBH), last


class OtherForLarge(Leaky):
    """A state that rises towards 20, and a form that is another where it is almost there."""

    def step(self, x_BF, state):
        new = torch.sigmoid(self.keep) * state + 1 + torch.tanh(self.linear(x_BF)) / 100
        return new, new

    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return torch.where(y_TBH > 20, y_TBH + 1, y_TBH), last


class Chaotic(Leaky):
    """tanh of three times what a random matrix makes of the state; the form rounds in other places than the step."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.matrix = nn.Parameter(torch.randn(hidden_size, hidden_size) * 3 / hidden_size**0.5)

    def step(self, x_BF, state, dtype=torch.float32):
        new = torch.tanh(self.linear(x_BF) + (state.to(dtype) @ self.matrix.to(dtype)).float())
        return new, new

    def unroll(self, x_TBF, state):
        outputs = []
        for x_BF in x_TBF:
            y_BH, state = self.step(x_BF, state, torch.float64)
            outputs.append(y_BH)
        return torch.stack(outputs), state


class OtherInBfloat16(Leaky):
    def unroll(self, x_TBF, state):
        y_TBH, last = super().unroll(x_TBF, state)
        return (y_TBH * 0.8 if self.linear(x_TBF[0]).dtype is torch.bfloat16 else y_TBH), last


class DiesInBfloat16(Leaky):
    def unroll(self, x_TBF, state):
        torch.lerp(self.linear(x_TBF[0]), state, 0.5)
        return super().unroll(x_TBF, state)


@pytest.mark.parametrize("gradient_alone", [False, True])
def test_a_form_in_blocks_of_64_steps_is_refused_for_sequences_longer_than_that(gradient_alone):
    cell = in_blocks(64, gradient_alone)
    for steps in (PIECE, 64):
        choose(cell, "parallel", steps)
    for steps in (100, 130, 5000):
        what = "gradients" if gradient_alone else "outputs"
        with pytest.raises(ConfigError, match=f"unroll=parallel: {what} of Blocks differ from its step loop"):
            choose(cell, "parallel", steps)


@pytest.mark.parametrize("block", [1, 8, 16, 35, 36, 51, 128, 256, 512, 1024])
def test_a_form_in_blocks_of_any_length_is(block):
    with pytest.raises(ConfigError, match="differ from its step loop"):
        choose(in_blocks(block), "parallel", 1030)


def test_a_form_that_is_wrong_from_a_lived_in_state_is_refused():
    with pytest.raises(ConfigError, match="outputs of OtherFromAState differ"):
        choose(OtherFromAState(3, 5), "parallel", 100)
    torch.manual_seed(0)
    cell = OtherForLarge(3, 5)
    choose(cell, "parallel", PIECE)  # its state is not large yet
    with pytest.raises(ConfigError, match="outputs of OtherForLarge differ"):
        choose(cell, "parallel", 100)


def test_the_loop_costs_no_more_for_a_long_sequence():
    class Counted(Leaky):
        looped = 0

        def step(self, x_BF, state):
            type(self).looped += 1
            return super().step(x_BF, state)

        def unroll(self, x_TBF, state):
            before = self.looped
            found = super().unroll(x_TBF, state)
            type(self).looped = before
            return found

    cell = Counted(3, 5)
    assert disagreement(cell, cell.unroll, 700) is None
    assert Counted.looped == PIECE


def test_a_chaotic_cell_is_not_refused_for_its_rounding_errors():
    torch.manual_seed(0)
    cell, x_TBF = Chaotic(3, 64), torch.randn(130, 2, 3)
    loop, form = (way(x_TBF, cell.initial_state(2, x_TBF))[0] for way in (partial(unroll_eager, cell), cell.unroll))
    assert (loop[:16] - form[:16]).abs().max() < 1e-3 < 0.1 < (loop - form).abs().max(), "the cell is not chaotic"
    for steps in (PIECE, 130, 300):
        choose(cell, "parallel", steps)


@pytest.mark.parametrize("name", ["lstm", "gru", "mamba", "mlstm", "s4d", "transformer"])
def test_the_form_of_a_built_in_cell_is_taken_for_long_sequences_and_in_bfloat16(name):
    cell_class, options = load_cell(yaml.safe_load(choices("cell")[name].path.read_text()))
    torch.manual_seed(0)
    choose(cell_class(3, 13, **options), "auto", 300, "bfloat16")


def test_in_bfloat16_a_form_is_compared_in_bfloat16():
    choose(OtherInBfloat16(3, 5), "parallel")
    with pytest.raises(ConfigError, match="outputs of OtherInBfloat16 differ from its step loop by 0.2"):
        choose(OtherInBfloat16(3, 5), "parallel", precision="bfloat16")


def test_a_form_that_raises_is_one_line():
    choose(DiesInBfloat16(3, 5), "parallel")
    with pytest.raises(ConfigError, match="DiesInBfloat16 does not go through 35 steps .*: RuntimeError: ") as caught:
        choose(DiesInBfloat16(3, 5), "parallel", precision="bfloat16")
    assert "\n" not in str(caught.value)


def prepared(cell, *options):
    """A run of `cell` before it begins."""
    run = prepare(compose([*COPY, "cell=custom", f"cell.target={__file__}:{cell}", *options]))
    assert run.error is None, run.error
    return run


def refusal(cell, *options):
    """What a run of `cell` by its parallel form is refused for, or None."""
    options = [*COPY, "cell=custom", f"cell.target={__file__}:{cell}", "unroll=parallel", *options]
    return prepare(compose(options)).error


class InBlocksOf64(Leaky):
    """Loses its state every 64 steps."""

    def unroll(self, x_TBF, state):
        outputs = []
        for block_TBF in x_TBF.split(64):
            y_TBH, state = super().unroll(block_TBF, torch.zeros_like(state) if outputs else state)
            outputs.append(y_TBH)
        return torch.cat(outputs), state


def test_a_form_that_is_wrong_after_many_steps_is_refused_where_the_run_has_as_many():
    assert "outputs of InBlocksOf64 differ from its step loop" in str(refusal("InBlocksOf64", "task.delay=100"))
    assert "outputs of InBlocksOf64" in str(refusal("InBlocksOf64", "task.test_delay=100")), "those of test count, too"
    assert refusal("InBlocksOf64", "task.delay=20") is None


def test_a_form_that_is_wrong_in_bfloat16_is_refused_where_the_run_uses_it():
    assert "of OtherInBfloat16 differ from its step loop" in str(
        refusal("OtherInBfloat16", "hardware.precision=bfloat16")
    )
    assert refusal("OtherInBfloat16") is None


@pytest.mark.form_by_rule
def test_auto_goes_by_the_loop_where_the_fast_form_differs_and_says_why():
    right, wrong, dies = (
        prepared(*options).setup
        for options in (
            ["InBlocksOf64"],
            ["InBlocksOf64", "task.delay=100"],
            ["DiesInBfloat16", "hardware.precision=bfloat16"],
        )
    )
    assert (right.unroll, right.model.form.told) == ("parallel", False)
    assert wrong.unroll == dies.unroll == "eager"
    assert wrong.model.form.refused.startswith(
        "unroll=auto takes the loop of steps, and not parallel: outputs of InBlocksOf64 differ from its step loop by"
    )
    assert (
        "parallel: DiesInBfloat16 does not go through 20 steps in this form: RuntimeError: " in dies.model.form.refused
    )


@pytest.mark.form_by_rule
def test_the_screen_and_the_record_say_that_auto_goes_by_the_loop(caplog):
    run = prepared("InBlocksOf64", "task.delay=100")
    say_what_begins(run)
    assert run.setup.model.form.refused in caplog.messages
    record = Ended().record(run)
    assert (record.unroll, record.form_refused) == ("eager", run.setup.model.form.refused)
