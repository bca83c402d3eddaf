"""A stored run's task and model, as they were."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from bench.api import Task
from bench.config.rules import validate
from bench.config.schema import Config
from bench.errors import ConfigError, DataError, StoreError
from bench.job.build import build, build_task
from bench.model.sequence import SequenceModel
from bench.results.names import WEIGHTS
from bench.results.record import Record


class Reloaded(NamedTuple):
    """A run built anew, on the CPU and in evaluation mode."""

    record: Record
    config: Config
    task: Task
    model: SequenceModel


@torch.inference_mode(False)  # building a model compares gradients
def reload(folder: Path, trained: bool = True) -> Reloaded:
    """The run in `folder`, its model with the best weights, or where not `trained` with those it began from.

    Raises ConfigError where the run has no weights, DataError where its data have changed since, and StoreError where
    its weights do not fit.
    """
    record = Record.read(folder)
    if trained and not (folder / WEIGHTS).is_file():
        raise ConfigError(f"{record.id} is {record.status} and has no weights: choose a run that is done")
    config = validate({**record.config, "hardware": {**record.config["hardware"], "device": "cpu"}})
    task = build_task(config.task)
    if task.spec.fingerprint != record.fingerprint:
        raise DataError(f"{record.id} was trained on other data than {config.task.get('source')} holds now")
    model = build(config, task).model
    try:
        if trained:
            model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, SafetensorError) as error:
        cause = str(error).splitlines()[0]
        raise StoreError(f"{folder / WEIGHTS} does not load into the run's model ({cause}): run it again") from None
    return Reloaded(record, config, task, model.eval())
