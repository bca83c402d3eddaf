"""The work of a model a second: how much of what the machine can do it takes, and the energy."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from bench.api import Batch
from bench.hardware.energy import energy_counter
from bench.hardware.large_product import product_flop_per_s
from bench.hardware.machine import choose_machine
from bench.measure.drawn import draw, stream
from bench.measure.limit import seconds_of_products
from bench.measure.training import training
from bench.results.figures import Flops
from bench.train.setup import Setup

_BATCHES = 4  # over which energy is measured
_TICK = 1.0  # seconds: a counter of energy that moves less often stands still

LEAST_SECONDS = 0.2
"""Where speeds are sampled for less, the machine's own limits, which take as long, are not measured."""


def measure_work(
    setup: Setup,
    flops: Flops | None,
    speed: dict[str, Any],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float | None]:
    """What the model computes a second in training and in inference, by the median `speed` and the count of `flops`.

    - `train_flop_per_s`, `infer_flop_per_s`: operations a second, of products and element by element. Each real time
      step counts once, so that padding, and what `bptt.checkpoint` or overlapping windows compute again, is no work.
    - `peak_flop_per_s`: of one device, in large products; `train_peak_share`, `infer_peak_share`: shares of it.
    - `gemm_share`: the time of the bare products of a training step, at the model's own shapes, padding included, over
      that of the step (`bench.measure.limit`).
    - `joules_a_token` in training, where the processor counts its energy (`bench.hardware.energy`).

    A figure that is not known is None: all but the last of an encoder-decoder, whose tokens read and written differ in
    work, and of gradients forward in time; peak, shares and energy where speeds are sampled for less than 0.2 s.
    """
    figures: dict[str, float | None] = dict.fromkeys(
        ("train_flop_per_s", "infer_flop_per_s", "peak_flop_per_s", "train_peak_share", "infer_peak_share")
    )
    lasting = seconds >= LEAST_SECONDS
    figures |= {"gemm_share": None, "joules_a_token": joules_a_token(setup, seconds, clock) if lasting else None}
    if setup.task.spec.reads == "sequence" or setup.forward:
        return figures
    train, infer = (speed[name]["median"] for name in ("train_tokens_per_s", "infer_tokens_per_s"))
    if flops is not None:
        forward, backward = _operations(flops)
        figures |= {"train_flop_per_s": (forward + backward) * train, "infer_flop_per_s": forward * infer}
    if lasting:
        peak, count = product_flop_per_s(setup.machine), setup.machine.ranks.count
        for way, devices in (("train", count), ("infer", 1)):
            achieved = figures[f"{way}_flop_per_s"]
            figures[f"{way}_peak_share"] = None if achieved is None else achieved / (devices * peak)
        bare = seconds_of_products(setup.model, setup.machine.ranks.lanes(_batches(setup, 1)[0]), setup.machine)
        figures |= {"peak_flop_per_s": peak, "gemm_share": bare * _positions_a_token(setup) * train / count}
    return figures


def limits(setup: Setup, flops: Flops | None, seconds: float) -> dict[str, float]:
    """Microseconds a token in training, in inference and in reading a prompt, were all operations of the model as fast
    as the machine's large products: where its peak share would be 1. Empty where that share is not known.
    """
    if flops is None or seconds < LEAST_SECONDS or setup.task.spec.reads == "sequence" or setup.forward:
        return {}
    forward, backward = _operations(flops)
    a_microsecond = 1e-6 * product_flop_per_s(choose_machine(setup.config.hardware))
    one_way = forward / a_microsecond
    return {"train": (forward + backward) / a_microsecond, "infer": one_way, "prefill": one_way}


def _positions_a_token(setup: Setup) -> float:
    """The time steps of all lanes, padding included, over the real ones, in the batches that speed is measured over."""
    batches = draw(setup.task, setup.config.batch_size)
    return sum(len(each.inputs) * len(each.fresh) for each in batches) / sum(each.tokens for each in batches)


def _operations(flops: Flops) -> tuple[int, int]:
    """Operations a token of the forward and of the backward pass."""
    forward, backward = (each["products"] + each["elementwise"] for each in (flops["forward"], flops["backward"]))
    return forward, backward


def joules_a_token(setup: Setup, seconds: float, clock: Callable[[], float] = time.perf_counter) -> float | None:
    """The energy of a token of training, over about so many `seconds` from a tick of the counter to a later one, since
    a GPU's moves ten times a second or so; None where nothing counts it, or what does stands still.
    """
    counter = energy_counter(setup.machine)
    if counter is None or setup.machine.ranks.count > 1:  # it counts one device
        return None
    steps = training(setup, _batches(setup, _BATCHES))

    def step() -> int:
        tokens = next(steps)
        setup.machine.synchronize()
        return tokens

    def to_the_next_tick() -> tuple[float, int]:
        last, tokens, began = counter(), 0, clock()
        while (now := counter()) == last and clock() - began < _TICK:
            tokens += step()
        return now, tokens

    step()
    before, _ = to_the_next_tick()
    began, tokens = clock(), 0
    while clock() - began < seconds:
        tokens += step()
    after, more = to_the_next_tick()
    return (after - before) / (tokens + more) if after > before and tokens + more else None


def _batches(setup: Setup, count: int) -> list[Batch]:
    return [*islice(stream(setup.task, setup.config.batch_size), count)]
