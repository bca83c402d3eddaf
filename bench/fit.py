"""Training to the end of the budget, with validation as it goes: the best weights on the validation split are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Generator, Tensor, nn

from bench.build import Setup, stream_seed
from bench.curve import Curve
from bench.errors import DataError, Diverged
from bench.evaluate import evaluate
from bench.report import Reporter
from bench.train import Step, passes, train

_ROUNDING = 1e-9  # 1 / 49 * 49 is less than 1


@dataclass
class Fit:
    """What training has come to so far; complete when `fit` returns, and useful where it was cut short."""

    curve: Curve = field(default_factory=Curve)
    best_score: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0
    sequences: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Spent training; validation is not counted, nor charged to a budget in seconds."""


def fit(setup: Setup, result: Fit, reporter: Reporter) -> None:
    """Train until the budget is spent, filling `result`, and leave the best weights on valid in the model.

    Raises Diverged, and whatever interrupts it; `result` then holds what was reached.
    """
    config, metric = setup.config, setup.task.spec.metric
    generator = Generator().manual_seed(stream_seed(config.seed, "data"))
    batches = passes(setup.task, "train", config.batch_size, generator)
    steps = train(setup.model, setup.task, setup.optimizer, batches, config, setup.machine)
    validations_done = 0
    losses = _Mean()
    for step in _timed(steps, result):
        spent = config.budget.spent(result.steps, result.sequences, result.seconds)
        losses.add(step.loss)
        reporter.step(spent, step.loss, result.steps, result.tokens / result.seconds)
        due = math.floor(min(spent, 1) * config.evaluations + _ROUNDING)
        if due > validations_done:
            validations_done = due
            _validate(setup, result, {"train_loss": losses.take(), "grad_norm": step.grad_norm}, reporter)
        if spent >= 1:
            break
    setup.model.load_state_dict(result.best_weights)
    reporter.info(f"best {metric.name} on valid: {result.best_score:.4g} {metric.unit}")


def _timed(steps: Iterator[Step], result: Fit) -> Iterator[Step]:
    """The steps, with what they took and covered added to `result`; time spent outside them does not count."""
    while True:
        start = time.perf_counter()
        step = next(steps)
        result.seconds += time.perf_counter() - start
        result.steps = step.number
        result.sequences += step.sequences
        result.tokens += step.tokens
        yield step


def _validate(setup: Setup, result: Fit, losses: dict[str, float], reporter: Reporter) -> None:
    """Score on valid, keep the weights if they are the best so far, and add a row to the curve."""
    scores = evaluate(setup.model, setup.task, "valid", setup.machine)
    if scores is None:
        raise DataError(f"{setup.task.spec.id} has an empty valid split; best weights are chosen on it")
    metric = setup.task.spec.metric
    score = scores[metric.name]
    if math.isnan(score):  # an update has spoilt the weights, and no training loss has shown it yet
        raise Diverged(f"{metric.name} on valid became nan at step {result.steps}")
    if result.best_score is None or metric.better(score, result.best_score):
        result.best_score, result.best_weights = score, snapshot(setup.model)
    progress = {"step": result.steps, "sequences": result.sequences, "tokens": result.tokens}
    result.curve.add({**progress, "seconds": round(result.seconds, 3), **losses}, scores)
    reporter.validation(result.steps, losses["train_loss"], metric.name, score)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the model's weights that further training does not change."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


class _Mean:
    """The mean of the numbers since it was last taken, NaN where there was none; a NaN is none."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        if not math.isnan(value):
            self.total, self.count = self.total + value, self.count + 1

    def take(self) -> float:
        mean = self.total / self.count if self.count else math.nan
        self.total, self.count = 0.0, 0
        return mean
