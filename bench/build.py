"""Building what a run needs from its configuration: task, cell, model, optimiser, on their machine and checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar, cast

import torch
from torch import nn
from torch.optim import Optimizer

from bench.api import Cell, Task
from bench.checks.quick import quick_check
from bench.config import Config
from bench.errors import BenchError, ConfigError
from bench.machine import Machine, choose_machine
from bench.match import hidden_for
from bench.model import MakeCell, SequenceModel
from bench.plugins import check_options, load
from bench.unroll import Mode

T = TypeVar("T")


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
    """The task of `target` or `_target_`; ConfigError or DataError in one line where options or data will not do."""
    cls, checked = _load("task", options, Task)
    try:
        return cls(**checked)
    except ValueError as error:
        raise error if isinstance(error, BenchError) else ConfigError(str(error)) from None


def load_cell(options: dict[str, Any]) -> tuple[type[Cell], dict[str, Any]]:
    """A cell's class by `target` or `_target_`, and its checked options."""
    return _load("cell", options, Cell, given=2)


def _load(group: str, options: dict[str, Any], base: type[T], given: int = 0) -> tuple[type[T], dict[str, Any]]:
    """The class that a group's options name, and the other options, checked against its constructor."""
    key = "target" if "target" in options else "_target_"
    cls = load(str(options.get(key, "")), f"{group}.{key}")
    if not issubclass(cls, base):
        raise ConfigError(
            f"{group}.{key}: {cls.__name__} is no {base.__name__}: derive it from {base.__module__}.{base.__name__}"
        )
    return cls, check_options(cls, {name: value for name, value in options.items() if name != key}, group, given)


def build_model(config: Config, task: Task, make_cell: MakeCell, hidden: int) -> SequenceModel:
    """The model on the CPU, its first cell checked quickly; a constructor that fails is a ConfigError."""
    shape = config.model
    try:
        model = SequenceModel(task.spec, make_cell, hidden, shape.layers, shape.embedding, shape.dropout)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"the cell cannot be built: {error}") from error
    quick_check(model.cells[0])
    return model


def build_optimizer(options: dict[str, Any], model: nn.Module) -> Optimizer:
    """The optimiser of `_target_` over the model's parameters, in its fused form where it has one.

    Raises ConfigError for an unknown or ill-typed option and for a value that the optimiser rejects.
    """
    cls, checked = _load("optimizer", options, Optimizer, given=1)
    if "fused" in cls.__init__.__annotations__:  # the fastest at every size measured, on CPUs too
        checked.setdefault("fused", True)
    try:
        return cls(model.parameters(), **checked)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"optimizer: {error}") from None
