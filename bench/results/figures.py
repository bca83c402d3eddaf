"""The figures of a record, as its JSON has them: scores, speeds, and floating-point operations."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class MetricScores(TypedDict):
    """The task's metric and the run's scores in it; null where the run ended before a figure was known.

    - `name`, `unit`: of the metric. `direction`: whether larger scores are better, or lower ones.
    - `valid`, `test`: the score of the best weights on each split; `test` is null where that split is empty.
    - `chance`: what a predictor that ignores its input gets; `solved`: the best possible score, where one is known.
    - `baselines`: the scores of simple predictors, by name.
    """

    name: str
    unit: str
    direction: Literal["max", "min"]
    valid: float | None
    test: float | None
    chance: float | None
    solved: float | None
    baselines: dict[str, float | None]


class Scores(MetricScores, total=False):
    """The metric with its range and its target; missing in older records.

    - `lowest`, `highest`: the ends of the metric's range; null where it has none.
    - `target`: the score that solves the task.
    """

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
    """Robust statistics of repeated measurements; see `bench.stats.summary`.

    - `median`, `q1`, `q3`: of the samples, with the first and third quartile.
    - `samples`: every measurement, in the order of time.
    """

    median: float | None
    q1: float | None
    q3: float | None
    samples: list[float]


class Summary(Statistics, total=False):
    """A figure of speed; see `bench.measure.figure`. Older records have the statistics alone.

    - `low`, `high`: the bounds of the median's 95% bootstrap interval.
    - `calls`: how many calls of the work a sample has; `first_s`: the seconds of the first call, in which kernels are
      compiled or loaded; `calibration_s`: those of the two by which `calls` is chosen (older records have them in the
      next); `warm_up_s`: those of samples that are left out, since speed was still changing.
    - `marks`: why the figure is doubtful, by `contended` and `unsettled`; empty where it is not.
    - `load`: what the machine did meanwhile, as `bench.hardware.load.Load` has it; `tries`: how often it was measured.
    - `p99`: of streaming alone, the 99th percentile of its single steps; `steps`: how many those were; `real_time`: the
      median over the time that a step is of, where the task's steps have one (frames of a recording), else null;
      `form`: `kernels` where a step is one generated function, `eager` where it is the model's own step.
    """

    low: float | None
    high: float | None
    calls: int
    first_s: float | None
    calibration_s: float | None
    warm_up_s: float | None
    marks: dict[str, str]
    load: dict[str, Any]
    tries: int
    p99: float | None
    steps: int
    real_time: float | None
    form: str


class Throughput(TypedDict):
    """Tokens a second in training and in inference.

    - `train_tokens_per_s`: in the training loop itself: forward, backward, clipping, update.
    - `infer_tokens_per_s`: in forward passes over whole batches.
    """

    train_tokens_per_s: Summary | None
    infer_tokens_per_s: Summary | None


class Longest(Throughput):
    """The throughput over the longest batch of training.

    - `steps`, `lanes`: its time steps with padding, and its sequences. `tokens`: its real time steps.
    """

    steps: int
    lanes: int
    tokens: int


class Speeds(Throughput):
    """Throughput, and the latency of streaming.

    - `step_us`: microseconds a time step of one sequence, its state carried, waited for.
    """

    step_us: Summary | None


class Speed(Speeds, total=False):
    """The speeds of a run; see `bench.measure.speed`. Older records have the first three alone.

    - `queued_step_us`: on a GPU, microseconds a time step where steps queue.
    - `prefill_tokens_per_s`: time steps a second of reading one sequence, its state kept.
    - `longest`: where batches differ in length, the throughput over the longest.
    """

    queued_step_us: Summary | None
    prefill_tokens_per_s: Summary | None
    longest: Longest


class Operations(TypedDict):
    """Floating-point operations of two kinds.

    - `products`: those of products of matrices; `elementwise`: those element by element.
    """

    products: int
    elementwise: int


class Flops(TypedDict):
    """Floating-point operations of the model for a time step of one lane; see `bench.measure.flops`.

    - `forward`, `backward`: in training; `streaming`: of a time step whose state is carried.
    - `unknown`: the ops that are in no count.
    """

    forward: Operations
    backward: Operations
    streaming: Operations | None
    unknown: list[str]
