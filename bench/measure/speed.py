"""Speed of a trained model: training, inference, reading a prompt, streaming."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import Optimizer

from bench.api import Batch, Tokens
from bench.hardware.contention import Patience
from bench.hardware.load import Gauge
from bench.hardware.machine import Machine
from bench.measure.drawn import draw, longest, prompts
from bench.measure.figure import Method, microseconds, per_second
from bench.measure.training import training
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.model.stream import StepFunction, Stream
from bench.stats.summary import quantile
from bench.train.setup import Setup

_STREAM = 32  # time steps of streaming inference in a call


def hold_still(optimizer: Optimizer) -> None:
    """Set the learning rate to 0, so that updates take the same time but training cannot diverge while it is timed."""
    for group in optimizer.param_groups:
        group["lr"] = 0.0


def measure_speed(
    setup: Setup,
    seconds: float,
    retry: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
    gauge: Gauge | None = None,
) -> dict[str, Any]:
    """The speeds of a run's record (`bench.results.record.Speed`), each a figure of `bench.measure.figure`.

    A token is one real time step of one lane. Training is the whole loop: forward, backward, clipping, update. Both it
    and inference copy each batch to the device, from memory that is not pinned, as a run does; where batches differ in
    length, both are measured over the longest one, too, and stated apart. Prefill reads the sequence of one lane, its
    state kept, as a prompt is read.

    `step_us` is the latency of streaming inference: microseconds for one time step of one sequence, each waited for;
    its `p99` is that of single steps. Of a task with a `rate`, `real_time` is the share of real time. A GPU takes new
    steps while it computes older ones; how many microseconds a step takes where 32 of them are waited for at once is
    `queued_step_us`, only there: on a CPU it would be the same. The input of a step is on the device. An
    encoder-decoder's tokens are those of input and output; its inference reads the targets, its prefill the input, and
    its streaming inference is the decoder's, after a first sequence is read. Other models stream as `bench.load` has
    them, by a generated function where there is one, but not where the run took the loop of steps: `form` says which.
    Of several ranks all train together, and the first measures the rest alone, on its device. A bidirectional model
    keeps no state and goes no single steps: both figures are None. Each figure is sampled for `seconds` of `clock`, and
    up to `retry` seconds in all are spent on waiting for a quiet machine, told by `gauge`. Call this last: it changes
    the model's weights.
    """
    model, machine, gauge = setup.model, setup.machine, gauge or Gauge()
    method = Method(machine, seconds, clock, gauge, Patience(retry, gauge))
    task, batch_size = setup.task, setup.config.batch_size
    batches = draw(task, batch_size)
    figures: dict[str, Any] = {**_throughput(setup, batches, method), "step_us": None, "prefill_tokens_per_s": None}
    if (batch := longest(task, batch_size)) is not None:
        figures["longest"] = {
            "steps": len(batch.inputs),
            "lanes": len(batch.fresh),
            "tokens": batch.tokens,
            **_throughput(setup, [batch], method),
        }
    if not model.bidirectional:
        figures["step_us"] = _latency(model, machine, batches[0], method, task.spec.rate)
        if machine.queues:
            queued = Streaming(model, machine, batches[0], waiting=False)
            figures["queued_step_us"] = method.figure(queued.work, microseconds)
        figures["prefill_tokens_per_s"] = method.figure(prefill(model, machine, batches).__next__, per_second)
    return figures


def _throughput(setup: Setup, batches: list[Batch], method: Method) -> dict[str, Any]:
    ranks = setup.machine.ranks
    return {
        "train_tokens_per_s": method.figure(training(setup, batches).__next__, per_second, beside=ranks.beside - 1),
        "infer_tokens_per_s": method.figure(inference(setup.model, setup.machine, batches).__next__, per_second),
    }


def _latency(
    model: SequenceModel, machine: Machine, batch: Batch, method: Method, rate: float | None
) -> dict[str, Any]:
    """`step_us` with the 99th percentile of the single steps in its samples, how many these are, and the share of real
    time that a step takes where `rate` of them are a second.
    """
    streaming = Streaming(model, machine, batch, waiting=True, clock=method.clock)
    figure = method.figure(streaming.work, microseconds, waited=True)
    steps = len(figure["samples"]) * figure["calls"] * _STREAM
    real_time = None if rate is None else figure["median"] * rate / 1e6
    p99 = 1e6 * quantile(streaming.took[-steps:], 0.99)
    return {**figure, "p99": p99, "steps": steps, "real_time": real_time, "form": streaming.form}


def inference(model: SequenceModel, machine: Machine, batches: list[Batch]) -> Iterator[int]:
    """Forward passes over `batches`, again and again; yields the tokens of each."""
    model.eval()
    for batch in itertools.cycle(batches):
        with torch.inference_mode(), machine.autocast():
            model.predict(batch.to(machine.device), model.initial_state(len(batch.fresh)))
        yield batch.tokens


def prefill(model: SequenceModel, machine: Machine, batches: list[Batch]) -> Iterator[int]:
    """Readings of one sequence with its state kept, of each batch in turn; yields the time steps of each."""
    model.eval()
    for prompt in prompts(batches):
        with torch.inference_mode(), machine.autocast():
            inputs = prompt.to(machine.device)
            if isinstance(model, EncoderDecoder):
                model.read(inputs)
            else:
                model(inputs, model.initial_state(1))
        yield len(prompt)


class Streaming:
    """Streaming inference, 32 steps a call: `waiting` for the end of each, or letting them queue.

    `took` has the seconds of each step that was waited for. `form` is `kernels` where a step is one generated function,
    else `eager`.
    """

    form = "eager"

    def __init__(
        self,
        model: SequenceModel,
        machine: Machine,
        batch: Batch,
        waiting: bool,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        model.eval()
        self._machine, self._waiting, self._clock = machine, waiting, clock
        self._waits = waiting and machine.queues
        self.took: list[float] = []
        inputs = model.step_inputs
        shape, dtype = ((1,), torch.int64) if isinstance(inputs, Tokens) else ((1, inputs.size), machine.dtype)
        self._x = torch.zeros(shape, dtype=dtype, device=machine.device)
        self._state = model.initial_state(1)
        self._step: StepFunction = model.step
        if isinstance(model, EncoderDecoder):
            with torch.inference_mode(), machine.autocast():
                self._state = model.read(batch.inputs[:, :1].to(machine.device), self._state)
        elif model.form.name != "eager":
            with torch.inference_mode(), machine.autocast():
                stream = Stream(model)
            if stream.refused is None:
                self.form = "kernels"
                self._step = lambda x, state: (stream(x), state)  # the stream keeps its own

    def work(self) -> int:
        """Go 32 steps on; returns their number."""
        with torch.inference_mode(), self._machine.autocast():
            begun = self._clock()
            for _ in range(_STREAM):
                _, self._state = self._step(self._x, self._state)
                if self._waits:
                    self._machine.synchronize()
                if self._waiting:
                    ended = self._clock()
                    self.took.append(ended - begun)
                    begun = ended
        return _STREAM
