"""Speed and memory of a trained model: warm-up left out, device synchronised, medians and quartiles of many samples."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator
from torch.optim import Optimizer
from torch.profiler import ProfilerActivity, profile

from bench.api import Batch, Task, Tokens
from bench.config import Config
from bench.machine import Machine
from bench.model import SequenceModel
from bench.passes import Passes
from bench.stats import summarise
from bench.train import train

_WARM_UP, _LEAST, _MOST = 3, 5, 50  # samples
_SECONDS = 1.0  # of sampling for each figure, unless the least number of samples takes longer
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
    training = _sample(lambda: next(steps).tokens, machine)
    passes = _forward_passes(model, batches, machine)
    inference = _sample(lambda: next(passes), machine)
    stream = _streaming_steps(model, machine)
    streaming = _sample(lambda: next(stream), machine)
    return {
        "train_tokens_per_s": summarise([tokens / seconds for tokens, seconds in training]),
        "infer_tokens_per_s": summarise([tokens / seconds for tokens, seconds in inference]),
        "step_us": summarise([1e6 * seconds / tokens for tokens, seconds in streaming]),
    }


def measure_memory(
    model: SequenceModel, task: Task, optimizer: Optimizer, config: Config, machine: Machine
) -> dict[str, float | None]:
    """Peak memory of a training step in MiB: `peak_mib` is all tensors alive at once, `activations_mib` what the step
    adds to weights and optimiser state.

    On CUDA the allocator counts; elsewhere the profiler's allocation events do, which other work in the process does
    not disturb as it would the resident set. Apple's MPS tells neither: None. The model's weights are changed.
    """
    if machine.device.type == "mps":
        return {"peak_mib": None, "activations_mib": None}
    batches = Passes(task, "train", config.batch_size, Generator().manual_seed(0))
    steps = train(model, task, optimizer, batches, config, machine)
    next(steps)  # optimiser state exists from here on
    kept = sum(t.numel() * t.element_size() for t in _kept_tensors(model, optimizer))
    added = _peak_of(lambda: next(steps), machine)
    return {"peak_mib": round((kept + added) / 2**20, 3), "activations_mib": round(added / 2**20, 3)}


def _sample(work: Callable[[], int], machine: Machine) -> list[tuple[int, float]]:
    """Pairs of tokens done and seconds taken, after a warm-up of the same work."""
    for _ in range(_WARM_UP):
        work()
    samples: list[tuple[int, float]] = []
    spent = 0.0
    while len(samples) < _LEAST or (spent < _SECONDS and len(samples) < _MOST):
        machine.synchronize()
        start = time.perf_counter()
        tokens = work()
        machine.synchronize()
        samples.append((tokens, time.perf_counter() - start))
        spent += samples[-1][1]
    return samples


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


def _kept_tensors(model: SequenceModel, optimizer: Optimizer) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    for values in optimizer.state.values():
        yield from (v for v in values.values() if isinstance(v, torch.Tensor))


def _peak_of(work: Callable[[], object], machine: Machine) -> int:
    """The most bytes that `work` has allocated at any moment."""
    if machine.device.type == "cuda":
        machine.synchronize()
        torch.cuda.reset_peak_memory_stats(machine.device)
        before = torch.cuda.memory_allocated(machine.device)
        work()
        machine.synchronize()
        return torch.cuda.max_memory_allocated(machine.device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    changes = (e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    return max(itertools.accumulate(changes, initial=0))
