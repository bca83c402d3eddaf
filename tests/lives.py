"""A tiny run's life on a device: it trains, averages its weights, is scored, goes step by step, writes, is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from tiny import seeded
from torch import Tensor
from traces import made

from bench.api import Batch
from bench.errors import ConfigError
from bench.hardware.settings import torch_settings_kept
from bench.measure.memory import measure_memory
from bench.measure.speed import hold_still, measure_speed
from bench.model.seq2seq import EncoderDecoder
from bench.train.evaluate import evaluate
from bench.train.loop import train
from bench.train.setup import Setup

STEPS = 3


def ended(settings: Iterable[Mapping[str, Any]], device: str, measured: bool = False) -> Tensor | None:
    """The losses and scores of a run on `device` with the first of the settings that are not refused; None of none."""
    with torch_settings_kept():
        for each in settings:
            try:
                setup = made({**each, "hardware.device": device})
            except (ConfigError, ValueError):  # a cell refuses some values itself
                continue
            return lived(setup, "train", measured)
    return None


def lived(setup: Setup, split: Any, measured: bool = False) -> Tensor:
    """The losses of three steps and the scores on a split, of a run that does all that a run does."""
    model, machine = setup.model, setup.machine
    batches = list(islice(_endless(setup), STEPS * setup.config.accumulate))
    how = (setup.config, machine, seeded())
    steps = train(model, setup.task, setup.optimizer, batches, *how, forward=setup.forward)
    losses = [step.loss for step in steps]
    if setup.average is not None:
        with setup.average.in_place():
            evaluate(model, setup.task, split, machine)
    scores = evaluate(model, setup.task, split, machine)
    go_step_by_step(setup, batches[0])
    if measured:
        hold_still(setup.optimizer)
        measure_memory(setup)
        measure_speed(setup, seconds=0.0)
    return torch.tensor([*losses, *(scores or {}).values()], dtype=torch.float64)


def _endless(setup: Setup) -> Iterator[Batch]:
    while True:
        yield from setup.task.batches("train", setup.config.batch_size, seeded())


@torch.no_grad()
def go_step_by_step(setup: Setup, batch: Batch) -> None:
    """Two single steps of the model, and of an encoder-decoder all that it writes; a bidirectional one goes none."""
    model, batch = setup.model.eval(), batch.to(setup.machine.device)
    if model.bidirectional:
        return
    inputs, state = batch.inputs, model.initial_state(len(batch.fresh))
    with setup.machine.autocast():
        if isinstance(model, EncoderDecoder):
            model.decode(inputs)
            inputs, state = batch.targets, model.read(inputs)
        for x in inputs[:2]:
            logits, state = model.step(x, state)
    assert logits.device.type == setup.machine.device.type
