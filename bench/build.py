"""Building what a run needs from its configuration: task, cell, model, optimiser, on their machine and checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import nn
from torch.optim import Optimizer

from bench.api import Cell, Task
from bench.checks.shapes import check_shapes
from bench.config import Config
from bench.errors import BenchError, ConfigError
from bench.machine import Machine, choose_machine
from bench.match import hidden_for
from bench.model import MakeCell, SequenceModel
from bench.plugins import check_options, load
from bench.unroll import Mode


@dataclass(frozen=True)
class Setup:
    """All that a run needs. `unroll` names how the cells are carried through time in fact; `config` holds the hidden
    size in fact, also where it was chosen to match a count.
    """

    config: Config
    task: Task
    cell_class: type[Cell]
    machine: Machine
    model: SequenceModel
    optimizer: Optimizer
    unroll: str


def build(config: Config, task: Task) -> Setup:
    """Model and optimiser for `task`, the weights drawn from a stream of the seed's own.

    Afterwards torch's global generator belongs to dropout alone. Raises ConfigError in one line.
    """
    machine = choose_machine(config.hardware)
    cell_class, options = load_cell(config.cell)
    make_cell = partial(cell_class, **options)
    if config.match.params is not None or config.match.flops is not None:
        hidden = hidden_for(config.match, task.spec, lambda size: build_model(config, task, make_cell, size))
        config = replace(config, model=replace(config.model, hidden=hidden))
    torch.manual_seed(stream_seed(config.seed, "weights"))
    model = build_model(config, task, make_cell, config.model.hidden)
    model.to(device=machine.device, dtype=machine.dtype)
    unroll = model.choose_unroll(cast(Mode, config.unroll))
    optimizer = build_optimizer(config.optimizer, model)
    torch.manual_seed(stream_seed(config.seed, "dropout"))
    return Setup(config, task, cell_class, machine, model, optimizer, unroll)


def stream_seed(seed: int, purpose: Literal["weights", "data", "dropout"]) -> int:
    """A seed for one purpose, unrelated to those for the others and to other runs'."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1


def build_task(options: dict[str, Any]) -> Task:
    """The task of `_target_`; ConfigError or DataError in one line where options or data will not do."""
    options = dict(options)
    cls = load(str(options.pop("_target_", "")), "task._target_")
    if not issubclass(cls, Task):
        raise ConfigError(f"task._target_: {cls.__name__} is no bench.api.Task")
    checked = check_options(cls, options, "task")
    try:
        return cls(**checked)
    except ValueError as error:
        raise error if isinstance(error, BenchError) else ConfigError(str(error)) from None


def load_cell(options: dict[str, Any]) -> tuple[type[Cell], dict[str, Any]]:
    """A cell's class by `target` or `_target_`, and its checked options."""
    options = dict(options)
    key = "target" if "target" in options else "_target_"
    cls = load(str(options.pop(key, "")), f"cell.{key}")
    if not issubclass(cls, Cell):
        raise ConfigError(f"cell.{key}: {cls.__name__} is no bench.api.Cell; derive it from Cell or GatedCell")
    return cls, check_options(cls, options, "cell", given=2)


def build_model(config: Config, task: Task, make_cell: MakeCell, hidden: int) -> SequenceModel:
    """The model on the CPU, its first cell checked for shapes; a constructor that fails is a ConfigError."""
    shape = config.model
    try:
        model = SequenceModel(task.spec, make_cell, hidden, shape.layers, shape.embedding, shape.dropout)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"the cell cannot be built: {error}") from error
    check_shapes(model.cells[0])
    return model


def build_optimizer(options: dict[str, Any], model: nn.Module) -> Optimizer:
    """The optimiser of `_target_` over the model's parameters, in its fused form where it has one.

    Raises ConfigError for an unknown or ill-typed option and for a value that the optimiser rejects.
    """
    options = dict(options)
    cls = load(str(options.pop("_target_", "")), "optimizer._target_")
    if not issubclass(cls, Optimizer):
        raise ConfigError(f"optimizer._target_: {cls.__name__} is no torch.optim.Optimizer")
    checked = check_options(cls, options, "optimizer", given=1)
    if "fused" in cls.__init__.__annotations__:  # the fastest at every size measured, on CPUs too
        checked.setdefault("fused", True)
    try:
        return cls(model.parameters(), **checked)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"optimizer: {error}") from None
