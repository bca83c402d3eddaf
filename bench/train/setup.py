"""The objects that training needs, and the seeds of its random streams."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer

from bench.api import Task
from bench.config.schema import Config
from bench.hardware.machine import Machine
from bench.model.sequence import SequenceModel
from bench.train.average import Average
from bench.train.gradient.forward import ForwardMode
from bench.train.schedule import Schedule


@dataclass(frozen=True)
class Setup:
    """The objects that training needs.

    `config.model.hidden` is the model's hidden size, also where `match` chose it. `plugins` are the classes of task,
    cell, optimiser and schedule, by role. `average` is the running average of the weights, None where none is kept.
    `forward` computes gradients forward in time; None for backpropagation. `unroll` names the cells' form over time
    (`eager`, `vendor`, `parallel` or `kernels`).
    """

    config: Config
    task: Task
    plugins: Mapping[str, type]
    machine: Machine
    model: SequenceModel
    optimizer: Optimizer
    schedule: Schedule
    average: Average | None
    forward: ForwardMode | None
    unroll: str


def stream_seed(seed: int, purpose: Literal["weights", "data", "dropout", "offsets"]) -> int:
    """A seed for one purpose, unrelated to the seeds of other purposes and of other runs."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1
