"""All that training needs, built; and the seeds of its random streams."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer

from bench.api import Cell, Task
from bench.config.schema import Config
from bench.hardware.machine import Machine
from bench.model.sequence import SequenceModel
from bench.train.average import Average
from bench.train.gradient.forward import ForwardMode
from bench.train.schedule import Schedule


@dataclass(frozen=True)
class Setup:
    """All that a run needs.

    `config` holds the hidden size that is built, also where it was chosen to match a count. `average` is the average of
    the weights, where one is kept. `forward` makes gradients that go forward in time; None for backpropagation.
    `unroll` names the form in which the cells are carried through time.
    """

    config: Config
    task: Task
    cell_class: type[Cell]
    machine: Machine
    model: SequenceModel
    optimizer: Optimizer
    schedule: Schedule
    average: Average | None
    forward: ForwardMode | None
    unroll: str


def stream_seed(seed: int, purpose: Literal["weights", "data", "dropout", "offsets"]) -> int:
    """A seed for one purpose, unrelated to those for the others and to other runs'."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1
