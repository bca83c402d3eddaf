"""Every table about one model and batch: those of `bench.diagnosis`, and of a stored run its clipping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from torch import Generator

from bench.api import Batch, Task
from bench.config.schema import ClipConfig
from bench.diagnosis import clipping, gates, gradient_norms, jacobians, lyapunov, reach
from bench.errors import ConfigError, DataError
from bench.model.sequence import SequenceModel
from bench.results.curve import read_curve

Table = tuple[str, pd.DataFrame | ConfigError]
"""A table by its name, or why it cannot be made."""


def diagnose(model: SequenceModel, task: Task, batch: Batch) -> Iterator[Table]:
    """Yield each table of `bench.diagnosis` over a batch, by name, or why it cannot be made.

    `model` is changed to float64, in which a gradient that vanishes can be told from zero.
    """
    model.double()
    tables: dict[str, Callable[[], pd.DataFrame]] = {
        "gradient": lambda: gradient_norms(model, task, batch),
        "jacobian": lambda: jacobians(model, batch),
        "lyapunov": lambda: lyapunov(model, batch),
        "gates": lambda: gates(model, batch),
        "memory": lambda: reach(model, batch),
    }
    for name, table in tables.items():
        try:
            yield name, table()
        except ConfigError as error:
            yield name, error


def first_batch(task: Task, lanes: int) -> Batch:
    """The first batch of `lanes` sequences of the valid split.

    Raises ConfigError for a task that is no stream of steps, DataError where the split is empty.
    """
    if task.spec.reads == "sequence":
        raise ConfigError(
            f"{task.spec.id} reads a whole sequence before it writes one; choose a run of another task, or --sentences"
        )
    batch = next(task.batches("valid", lanes, Generator().manual_seed(0)), None)
    if batch is None:
        raise DataError(f"{task.spec.id} has an empty valid split")
    return batch


def clipped(curve: Path, clip: ClipConfig) -> Table:
    """The table of a run's clipping, from the file of its learning curve; StoreError where that is damaged."""
    for name in ("value", "adaptive"):
        if getattr(clip, name, None) is not None:
            reason = f"the run clips by clip.{name}, after which its record does not say what is left"
            return "clipping", ConfigError(reason)
    return "clipping", clipping(read_curve(curve), clip.norm)
