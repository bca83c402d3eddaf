"""From configuration to task, model and optimiser, and one clear line where that cannot be."""

from dataclasses import replace

import pytest
import torch
from tiny import Given, Turning, a_batch, a_config, a_setup

from bench.api import Cell
from bench.cells.lstm import LSTM
from bench.config.schema import InitConfig, ModelConfig
from bench.errors import ConfigError, DataError
from bench.job.build import build, build_task

COPY = "bench.tasks.copy.Copy"


class NoStep(Cell):
    """A cell that lacks a method."""

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)


class EvenOnly(LSTM):
    """A cell whose constructor refuses some sizes."""

    def __init__(self, input_size, hidden_size):
        if hidden_size % 2:
            raise ValueError(f"hidden_size={hidden_size} must be even")
        super().__init__(input_size, hidden_size)


class WrongOutput(LSTM):
    """A cell whose output lacks a unit."""

    def step(self, x_BF, state):
        y_BH, state = super().step(x_BF, state)
        return y_BH[:, 1:], state


class OutOfData(Turning):
    """A task whose data are not there."""

    def __init__(self):
        raise DataError("data.txt is empty; name another file")


def given(**changes):
    return a_setup(Given(train=[a_batch()]), **changes)


def test_a_setup_has_what_the_configuration_says():
    setup = given(cell="bench.cells.lstm.LSTM", model=ModelConfig(hidden=7, layers=2, dropout=0.5), unroll="eager")
    assert [type(cell) for cell in setup.model.cells] == [LSTM, LSTM] == [setup.plugins["cell"]] * 2
    assert setup.model.head.in_features == 7
    assert setup.model.layers[1].around.dropout == 0.5
    assert setup.unroll == "eager"
    assert {parameter.dtype for parameter in setup.model.parameters()} == {torch.float64}


def test_unroll_names_what_runs_in_fact():
    setup = given(unroll="auto")
    assert setup.unroll == setup.model.form.name != "auto"


def test_a_cells_options_reach_its_constructor():
    cell = build_with({"_target_": "bench.cells.janet.JANET", "beta": 3}).model.cells[0]
    assert cell.beta == 3.0


def test_an_option_for_the_start_reaches_the_cell():
    cell = build(replace(a_config(), init=InitConfig(forget_bias=2.0)), Given(train=[a_batch()])).model.cells[0]
    assert (cell.bias_ih + cell.bias_hh)[5:10].tolist() == [2.0] * 5


def test_a_cell_that_does_not_bear_zoneout_and_does_not_say_so_is_found_out_before_the_run():
    options = {"target": "mutants_cells:KeepsItsScaleAlone"}
    assert build_with(options).model
    config = replace(a_config(), cell=options, model=replace(a_config().model, zoneout=0.1))
    with pytest.raises(ConfigError, match=r"with model\.zoneout=0\.5 the output is not finite.*set apart = False"):
        build(config, Given(train=[a_batch()]))


def build_with(cell_options):
    return build(replace(a_config(), cell=cell_options), Given(train=[a_batch()]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"_target_": "bench.cells.lstm.LSTM", "couple": True},
            r"cell.couple: unknown option \(did you mean coupled\?\)",
        ),
        (
            {"_target_": "bench.cells.janet.JANET", "beta": "one"},
            "cell.beta=one: input should be a valid number",
        ),
        ({"_target_": "bench.cells.lstm.LSTM", "forget_bias": 1}, "cell.forget_bias: replaced by init.forget_bias=1$"),
        ({"target": "test_build:EvenOnly", "init": "orthogonal"}, "cell.init: replaced by init.recurrent=orthogonal$"),
        ({"_target_": "bench.cells.gru.GRU", "hidden_size": 3}, "cell.hidden_size: unknown option; GRU has none"),
        ({"target": "torch.nn:LSTM"}, "cell.target: LSTM is no Cell: derive it from bench.api.Cell"),
        ({"_target_": COPY}, "cell._target_: Copy is no Cell"),
        ({}, "cell._target_=: write file.py:Class or package.module:Class"),
        (
            {"target": "test_build:NoStep"},
            r"^cell.target: NoStep lacks the abstract method step\(self, x_BF, state\) of bench.api.Cell$",
        ),
        ({"target": "test_build:EvenOnly"}, "the cell cannot be built: hidden_size=5 must be even"),
        ({"target": "test_build:WrongOutput"}, "cell WrongOutput breaks the law .* the output is"),
    ],
)
def test_a_cell_that_cannot_be_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build_with(options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": "fast"}, "optimizer.lr=fast: input should be a valid number"),
        ({"lr": -1.0}, "optimizer: Invalid learning rate: -1.0"),
        ({"learning_rate": 0.1}, r"optimizer.learning_rate: unknown option"),
        ({"betas": [0.9]}, "optimizer.betas"),
        ({"_target_": "torch.nn.Linear"}, "optimizer._target_: Linear is no Optimizer"),
    ],
)
def test_an_optimiser_that_cannot_be_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message):
        given(optimizer={"_target_": "torch.optim.Adam", **options})


@pytest.mark.parametrize(("name", "fused"), [("Adam", True), ("AdamW", True), ("SGD", True), ("Rprop", None)])
def test_an_optimiser_is_fused_where_it_has_such_a_form(name, fused):
    optimizer = given(optimizer={"_target_": f"torch.optim.{name}"}).optimizer
    assert type(optimizer).__name__ == name
    assert optimizer.defaults.get("fused") is fused


def test_whoever_says_fused_false_gets_it():
    assert given(optimizer={"_target_": "torch.optim.Adam", "fused": False}).optimizer.defaults["fused"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"_target_": COPY, "symbols": 0}, "task.symbols=0 must be at least 1"),
        ({"_target_": COPY, "symbols": "five"}, "task.symbols=five: input should be a valid integer"),
        ({"_target_": COPY, "symbols": 2.5}, "task.symbols=2.5: input should be a valid integer"),
        (
            {"_target_": COPY, "dely": 5},
            r"task.dely: unknown option \(did you mean delay\?\); Copy has task.symbols, task.delay",
        ),
        ({"_target_": "bench.cells.gru.GRU"}, "task._target_: GRU is no Task: derive it from bench.api.Task"),
    ],
)
def test_a_task_that_cannot_be_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message):
        build_task(options)


def test_a_tasks_own_error_about_its_data_comes_as_it_is():
    with pytest.raises(DataError, match="data.txt is empty; name another file"):
        build_task({"_target_": "test_build:OutOfData"})


def test_a_task_is_built_from_its_options():
    assert build_task({"_target_": COPY, "symbols": 6}).symbols == 6
