"""Speed of a trained model: warm-up left out, device synchronised, medians and quartiles of many samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator
from torch.optim import Optimizer

from bench.api import Batch, Task, Tokens
from bench.config.schema import Config
from bench.hardware.machine import Machine
from bench.hardware.timing import sample
from bench.model.sequence import SequenceModel
from bench.stats.summary import summarise
from bench.train.loop import train

_BATCHES = 4  # drawn beforehand, so that the figures are the model's and not the data's
_STREAM = 32  # time steps of streaming inference a sample


def hold_still(optimizer: Optimizer) -> None:
    """Let updates cost what they do and change nothing, so that what is measured cannot diverge."""
    for group in optimizer.param_groups:
        group["lr"] = 0.0


def measure_speed(
    model: SequenceModel, task: Task, optimizer: Optimizer, config: Config, machine: Machine
) -> dict[str, dict[str, Any]]:
    """Training and inference tokens/s and `step_us`, each as median, quartiles and the samples themselves.

    A token is one real time step of one lane. Training is the loop itself: forward, backward, clipping, update.
    `step_us` is the latency of streaming inference: microseconds for one time step of one sequence, state carried. Of
    an encoder-decoder, whose tokens are those read and those written, inference is given the targets and streaming is
    the decoder's.
    The model's weights are changed: call it last.
    """
    batches = list(itertools.islice(task.batches("train", config.batch_size, Generator().manual_seed(0)), _BATCHES))
    steps = train(model, task, optimizer, itertools.cycle(batches), config, machine)
    training = sample(lambda: next(steps).tokens, machine)
    passes = _forward_passes(model, batches, machine)
    inference = sample(lambda: next(passes), machine)
    stream = _streaming_steps(model, machine)
    streaming = sample(lambda: next(stream), machine)
    return {
        "train_tokens_per_s": summarise([tokens / seconds for tokens, seconds in training]),
        "infer_tokens_per_s": summarise([tokens / seconds for tokens, seconds in inference]),
        "step_us": summarise([1e6 * seconds / tokens for tokens, seconds in streaming]),
    }


def _forward_passes(model: SequenceModel, batches: list[Batch], machine: Machine) -> Iterator[int]:
    model.eval()
    for batch in itertools.cycle(batches):
        with torch.inference_mode(), machine.autocast():
            model.predict(batch.to(machine.device), model.initial_state(len(batch.fresh)))
        yield batch.tokens


def _streaming_steps(model: SequenceModel, machine: Machine) -> Iterator[int]:
    model.eval()
    inputs = model.step_inputs
    shape, dtype = ((1,), torch.int64) if isinstance(inputs, Tokens) else ((1, inputs.size), machine.dtype)
    x = torch.zeros(shape, dtype=dtype, device=machine.device)
    state = model.initial_state(1)
    while True:
        with torch.inference_mode(), machine.autocast():
            for _ in range(_STREAM):
                _, state = model.step(x, state)
        yield _STREAM
