"""The figures of a record, as its JSON has them: scores, speeds, and floating-point operations."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class MetricScores(TypedDict):
    """The task's metric and the run's scores in it; null where the run ended before a figure was known."""

    name: str
    unit: str
    direction: Literal["max", "min"]
    valid: float | None
    test: float | None
    chance: float | None
    solved: float | None
    baselines: dict[str, float | None]


class Scores(MetricScores, total=False):
    """The metric with its range, null where it has no end, and the score that solves the task; missing in older
    records."""

    lowest: float | None
    highest: float | None
    target: float | None


class ToTarget(TypedDict):
    """Whether the score on valid has reached the task's target, and by then: training steps, tokens, seconds of
    training, and floating-point operations. All but the first are null where it has not; the last also where the
    operations of a training step are not known."""

    reached: bool
    steps: int | None
    tokens: int | None
    seconds: float | None
    flops: float | None


class Statistics(TypedDict):
    """Robust statistics of repeated measurements; see `bench.stats.summary`."""

    median: float | None
    q1: float | None
    q3: float | None
    samples: list[float]


class Summary(Statistics, total=False):
    """A figure of speed; see `bench.measure.figure`. Older records have the statistics alone.

    - `low`, `high`: the bounds of the median's 95% bootstrap interval.
    - `calls`: how many calls of the work a sample has; `first_s`: the seconds of the first call, in which kernels are
      compiled or loaded; `warm_up_s`: those of the others that are in no sample.
    - `marks`: why the figure is doubtful, by `contended` and `unsettled`; empty where it is not.
    - `load`: what the machine did meanwhile, as `bench.hardware.load.Load` has it; `tries`: how often it was measured.
    - `p99`: of streaming alone, the 99th percentile of its single `steps`.
    """

    low: float | None
    high: float | None
    calls: int
    first_s: float | None
    warm_up_s: float | None
    marks: dict[str, str]
    load: dict[str, Any]
    tries: int
    p99: float | None
    steps: int


class Throughput(TypedDict):
    """Tokens a second in training and in inference."""

    train_tokens_per_s: Summary | None
    infer_tokens_per_s: Summary | None


class Longest(Throughput):
    """The throughput over the longest batch of training: its padded `steps`, its `lanes`, and its real `tokens`."""

    steps: int
    lanes: int
    tokens: int


class Speeds(Throughput):
    """Throughput, and microseconds a time step of streaming."""

    step_us: Summary | None


class Speed(Speeds, total=False):
    """The speeds of a run; see `bench.measure.speed`. Older records have the first three alone.

    On a GPU there are also microseconds a time step where steps queue; where batches differ in length, the throughput
    over the longest.
    """

    queued_step_us: Summary | None
    prefill_tokens_per_s: Summary | None
    longest: Longest


class Operations(TypedDict):
    """Floating-point operations of products of matrices, and element by element."""

    products: int
    elementwise: int


class Flops(TypedDict):
    """Floating-point operations of the model for a time step of one lane; see `bench.measure.flops`.

    `unknown` are the ops that are in no count.
    """

    forward: Operations
    backward: Operations
    streaming: Operations | None
    unknown: list[str]
