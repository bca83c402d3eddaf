"""Writing text from a trained run."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Generator

from bench.build import build, build_task
from bench.config import validate
from bench.errors import ConfigError, DataError, StoreError
from bench.record import Record
from bench.runner import WEIGHTS
from bench.store import Store


@torch.inference_mode()
def sample(
    run: str, results_dir: str, prompt: str, length: int, temperature: float = 1.0, greedy: bool = False, seed: int = 0
) -> Iterator[str]:
    """Yield `length` symbols that the run's model writes after `prompt`, each drawn from its prediction.

    Predictions are sharpened by `1 / temperature`; `greedy` takes the most likely symbol. The model runs step by step,
    its state carried, on the CPU. Raises StoreError, ConfigError or DataError where the run, its task's data or an
    argument will not do.
    """
    if length < 0:
        raise ConfigError(f"--length={length}: must be 0 or more")
    if not 0 < temperature < math.inf:
        raise ConfigError(
            f"--temperature={temperature:g}: must be above 0; --greedy takes the most likely symbol always"
        )
    folder = Store(results_dir).resolve(run)
    task, model = _load(folder, Record.read(folder))
    ids = task.encode(prompt) if prompt else []
    if not ids:
        raise ConfigError("--prompt is empty: give at least one symbol to go on from")
    if unseen := {character for character in prompt if task.decode(task.encode(character)) != character}:
        print(f"bench: not in the run's text: {', '.join(map(repr, sorted(unseen)))}", file=sys.stderr)
    generator = Generator().manual_seed(seed)
    state = model.initial_state(1)
    for symbol in ids:
        logits, state = model.step(torch.tensor([symbol]), state)
    yield prompt
    for _ in range(length):
        if greedy:
            symbol = int(logits.argmax())
        else:
            symbol = int(torch.multinomial((logits[0].double() / temperature).softmax(-1), 1, generator=generator))
        yield task.decode([symbol])
        logits, state = model.step(torch.tensor([symbol]), state)


@torch.inference_mode(False)  # building a model compares gradients
def _load(folder: Path, record: Record) -> tuple[Any, Any]:
    """The run's task and its model with the best weights."""
    if not (folder / WEIGHTS).is_file():
        raise ConfigError(f"{record.id} is {record.status} and has no weights: choose a run that is done")
    config = validate({**record.config, "hardware": {**record.config["hardware"], "device": "cpu"}})
    task = build_task(config.task)
    if not (hasattr(task, "encode") and hasattr(task, "decode")):
        raise ConfigError(f"{record.id}: {record.task} is no task over text; choose a run of one, such as charlm")
    if task.spec.fingerprint != record.fingerprint:
        raise DataError(f"{record.id} was trained on other data than {config.task.get('source')} holds now")
    model = build(config, task).model
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, SafetensorError) as error:
        cause = str(error).splitlines()[0]
        raise StoreError(f"{folder / WEIGHTS} does not load into the run's model ({cause}): run it again") from None
    return task, model.eval()
