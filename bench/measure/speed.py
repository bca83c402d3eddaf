"""Speed of a trained model: medians and quartiles of many samples, after a warm-up, on a synchronised device."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from bench.api import Batch, State, Tokens
from bench.hardware.machine import Machine
from bench.hardware.timing import sample
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.model.stream import StepFunction, Stream
from bench.stats.summary import summarise
from bench.train.loop import train
from bench.train.setup import Setup
from bench.unroll.generated import KernelUnroll

_BATCHES = 4  # drawn in advance, so that the figures do not include the time to make data
_STREAM = 32  # time steps of streaming inference in a sample


def hold_still(optimizer: Optimizer) -> None:
    """Set the learning rate to 0, so that updates take the same time but training cannot diverge while it is timed."""
    for group in optimizer.param_groups:
        group["lr"] = 0.0


def measure_speed(
    setup: Setup, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> dict[str, dict[str, Any] | None]:
    """Training and inference tokens/s and `step_us`, each as median, quartiles and samples (`bench.stats.summary`).

    A token is one real time step of one lane. Training is the whole loop: forward, backward, clipping, update. Both
    copy each batch to the device, from memory that is not pinned, as a run does.

    `step_us` is the latency of streaming inference: microseconds for one time step of one sequence, each waited for.
    A GPU takes new steps while it computes older ones; how many microseconds a step takes where 32 of them are waited
    for at once is `queued_step_us`, only there: on a CPU it would be the same. The input of a step is on the device. An
    encoder-decoder's tokens are those of input and output; its inference reads the targets, and its streaming inference
    is the decoder's, after a first sequence is read. A model that runs by kernels streams by one, too. A bidirectional
    model goes no single steps, and its `step_us` is None. Each figure is sampled for `seconds` of `clock`. Call this
    last: it changes the model's weights.
    """
    model, config, machine = setup.model, setup.config, setup.machine
    drawn = setup.task.batches("train", config.batch_size, Generator().manual_seed(0))
    batches = list(itertools.islice(drawn, _BATCHES))
    cycled = itertools.cycle(batches)
    steps = train(model, setup.task, setup.optimizer, cycled, config, machine, forward=setup.forward)
    training = sample(lambda: next(steps).tokens, machine, seconds, clock)
    passes = _forward_passes(model, batches, machine)
    inference = sample(lambda: next(passes), machine, seconds, clock)
    figures: dict[str, dict[str, Any] | None] = {
        "train_tokens_per_s": summarise([tokens / seconds for tokens, seconds in training]),
        "infer_tokens_per_s": summarise([tokens / seconds for tokens, seconds in inference]),
        "step_us": None,
    }
    if not model.bidirectional:
        for name in ("step_us", "queued_step_us") if machine.queues else ("step_us",):
            stream = _streaming_steps(model, machine, batches[0], waiting=name == "step_us")
            streaming = sample(lambda stream=stream: next(stream), machine, seconds, clock)  # type: ignore[misc]
            figures[name] = summarise([1e6 * seconds / tokens for tokens, seconds in streaming])
    return figures


def _forward_passes(model: SequenceModel, batches: list[Batch], machine: Machine) -> Iterator[int]:
    model.eval()
    for batch in itertools.cycle(batches):
        with torch.inference_mode(), machine.autocast():
            model.predict(batch.to(machine.device), model.initial_state(len(batch.fresh)))
        yield batch.tokens


def _streaming_steps(model: SequenceModel, machine: Machine, batch: Batch, waiting: bool) -> Iterator[int]:
    """Streaming inference, some steps a time: `waiting` for the end of each, or letting them queue."""
    model.eval()
    inputs = model.step_inputs
    shape, dtype = ((1,), torch.int64) if isinstance(inputs, Tokens) else ((1, inputs.size), machine.dtype)
    x = torch.zeros(shape, dtype=dtype, device=machine.device)
    state = model.initial_state(1)
    step: StepFunction = model.step
    if isinstance(model, EncoderDecoder):
        with torch.inference_mode(), machine.autocast():
            state = model.read(batch.inputs[:, :1].to(machine.device), state)
    elif any(isinstance(form, KernelUnroll) for form in model.unrolls):
        with torch.inference_mode(), machine.autocast():
            stream = Stream(model)

        def by_kernel(x: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
            return stream(x), state  # the stream keeps its own

        step = by_kernel

    while True:
        with torch.inference_mode(), machine.autocast():
            for _ in range(_STREAM):
                _, state = step(x, state)
                if waiting:
                    machine.synchronize()
        yield _STREAM
