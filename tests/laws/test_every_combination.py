"""Every cell under every option of the model, its start, its precision and its gradient: it is refused, or it trains.

The combinations come from the schema and the files of cells: a new option or cell joins by itself. Where all tests run,
each cell has one of them; all of them, in some minutes, where this file is named.
"""

from __future__ import annotations

from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
from acting import options_of, values_of
from lives import ended
from pydantic import TypeAdapter, ValidationError
from tiny import seeded
from traces import chosen, made

from bench.api import Cell
from bench.config.schema import Config, InitConfig, ModelConfig
from bench.errors import ConfigError
from bench.model.seq2seq import EncoderDecoder
from bench.train.loop import train
from bench.unroll.agreement import disagreement
from bench.unroll.forms import forms

STEPS = 20
CELLS = sorted(set(chosen("cell")) - {"custom"})
BASE = {"model.hidden": 8, "optimizer": "adam", "optimizer.lr": 0.01, "unroll": "auto", "hardware.precision": "float32"}
SETTINGS = (
    {"task": "features"},
    {"task": "symbols"},
    {"task": "symbols", "model.embedding": 8},
    {"task": "sequence"},
    {"task": "features", "model.pre_norm": "rms", "model.expand": 2.0},
)
"""What a combination stands in: the first of these in which it is not refused."""
BESIDE = {
    "variational": {"model.dropout": 0.5},
    "mlp_kind": {"model.mlp": 2.0},
    "conv_activation": {"model.conv": 3},
    "gate_activation": {"model.gate": True},
    "gain": {"init.recurrent": "orthogonal"},
    "sigma": {"init.input": "normal"},
}
"""Without these an option does nothing."""
NUMBERS = (2, 3, 0.5)
SMALLER = {cell: {"cell.context": 8} for cell in ("attention", "transformer")}
"""Options of cells whose state takes gradients that go forward in time half a minute otherwise."""


def values(cls: Any, name: str, option: str) -> list[Any]:
    """The values of an option that are not its default: all of a choice, one of a number."""
    default = getattr(cls(), name)
    if found := values_of(option):
        return sorted(found - {default}, key=str)
    takes = TypeAdapter(get_type_hints(cls, include_extras=True)[name])
    return [next(number for number in NUMBERS if number != default and fits(takes, number))]


def fits(takes: TypeAdapter[Any], number: float) -> bool:
    try:
        return takes.validate_python(number, strict=isinstance(number, int)) == number
    except ValidationError:
        return False


def settings() -> list[dict[str, Any]]:
    """One option at a time, with what it needs to act; and the blocks, of which `bare` changes nothing."""
    groups = [(ModelConfig, "model."), (InitConfig, "init.")]
    options = [(cls, each.name, f"{group}{each.name}") for cls, group in groups for each in fields(cls)]
    options += [(Config, "gradient", "gradient")]
    found = [
        {option: value, **BESIDE.get(name, {})} for cls, name, option in options for value in values(cls, name, option)
    ]
    precisions = [{"hardware.precision": each} for each in ("bfloat16", "float64")]
    blocks = [{f"model.{key}": each for key, each in block["model"].items()} for block in chosen("block").values()]
    return [*precisions, *blocks, *found]


ALL = settings()


def check(cell: str, given: dict[str, Any]) -> bool:
    """Whether the cell trains under what is given; False where it is refused in all settings.

    Raises AssertionError where the weights do not stay finite, where a form of a trained cell differs from its loop, or
    where the model's steps differ from the model over a whole sequence.
    """
    for setting in SETTINGS:
        try:
            setup = made({**BASE, **setting, "cell": cell, **SMALLER.get(cell, {}), **given})
        except ConfigError:
            continue
        batches = setup.task.splits["train"] * STEPS
        how = (setup.config, setup.machine, seeded())
        steps = train(setup.model, setup.task, setup.optimizer, batches, *how, forward=setup.forward)
        losses = [step.loss for step in islice(steps, STEPS)]
        assert len(losses) == STEPS and torch.tensor(losses).isfinite().all(), f"losses {losses}"
        assert all(parameter.isfinite().all() for parameter in setup.model.parameters())
        agree(setup)
        stream(setup)
        return True
    return False


def agree(setup: Any) -> None:
    """Raise AssertionError where a form of a cell differs from its loop of steps."""
    for cell in setup.model.eval().modules():
        for name, form in forms(cell).items() if isinstance(cell, Cell) else ():
            if name != "eager":
                found = disagreement(cell, form(), precision=setup.machine.precision)
                assert found is None, f"the trained cell's form {name} differs in {found}"


@torch.no_grad()
def stream(setup: Any) -> None:
    """Raise AssertionError where the trained model's logits, step by step, are not those of a whole sequence."""
    model, batch = setup.model, setup.task.splits["train"][0]
    if model.bidirectional:  # it goes no single steps
        return
    reads = isinstance(model, EncoderDecoder)
    inputs_TB, state = batch.targets if reads else batch.inputs, model.initial_state(len(batch.fresh))
    state = model.read(batch.inputs) if reads else state
    whole_TBC, _ = model(inputs_TB, state)
    for x, wanted_BC in zip(inputs_TB, whole_TBC, strict=True):
        found_BC, state = model.step(x, state)
        assert torch.allclose(found_BC, wanted_BC, rtol=1e-3, atol=1e-4), "the model's steps differ from the whole"


@pytest.fixture
def every(request) -> int:
    """1 for all combinations; otherwise so many that a cell has one of them."""
    is_named = any(Path(__file__).name in argument for argument in request.config.args)
    return 1 if is_named else len(ALL)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_trains_under_every_option_that_does_not_refuse_it(cell: str, every: int) -> None:
    """20 steps with finite losses and weights; then the cell's forms agree, and the model's steps with the whole."""
    wrong = []
    for given in ALL[CELLS.index(cell) * 7 % every :: every]:
        try:
            trained = check(cell, given)
        except Exception as error:
            wrong.append(f"{given}: {type(error).__name__}: {error}")
        else:
            if cell == "gru" and not trained:
                wrong.append(f"{given} is refused by the GRU, so that no cell may try it")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_runs_in_bfloat16_under_every_option_that_does_not_refuse_it(cell: str, every: int) -> None:
    """A run's life, from training to single steps, with finite losses and scores: no op meets a dtype that it lacks."""
    wrong = []
    for given in ALL[CELLS.index(cell) * 7 % every :: every]:
        beside = {**SMALLER.get(cell, {}), **given, "hardware.precision": "bfloat16"}
        try:
            figures = ended([{**BASE, **setting, "cell": cell, **beside} for setting in SETTINGS], "cpu")
        except Exception as error:
            wrong.append(f"{given}: {type(error).__name__}: {error}")
        else:
            if figures is not None and not figures.isfinite().all():
                wrong.append(f"{given}: losses and scores {figures}")
    assert not wrong, "\n".join(wrong)


def test_every_option_of_the_model_and_its_start_is_among_the_combinations() -> None:
    tried = {key for given in ALL for key in given}
    assert tried >= options_of("model", "init", "gradient") | {"hardware.precision"}
