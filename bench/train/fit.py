"""Training to the end of the budget, with validation as it goes: the best weights on the validation split are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext

from torch import Generator, Tensor, nn

from bench.command.terminal import Reporter
from bench.config.schema import Config
from bench.errors import ConfigError, DataError, Diverged
from bench.train.checkpoint import Checkpoints
from bench.train.evaluate import evaluate
from bench.train.loop import Step, train
from bench.train.passes import Passes
from bench.train.progress import Fit, Position
from bench.train.setup import Setup, stream_seed

_ROUNDING = 1e-9  # 1 / 49 * 49 is less than 1


def fit(setup: Setup, result: Fit, reporter: Reporter, checkpoints: Checkpoints | None = None) -> None:
    """Train until budget or patience is spent, filling `result`, and leave the best weights on valid in the model.

    With `checkpoints`, from the last of them on, and saving more.

    Raises Diverged, and whatever interrupts it; `result` then holds what was reached.
    """
    config, metric = setup.config, setup.task.spec.metric
    began = time.perf_counter()
    generator = Generator().manual_seed(stream_seed(config.seed, "data"))
    batches = Passes(setup.task, "train", config.batch_size, generator)
    offsets = Generator().manual_seed(stream_seed(config.seed, "offsets"))
    position = Position(setup, result, batches, offsets)
    if checkpoints and (state := checkpoints.latest(reporter.info)):
        try:
            position.load_state_dict(state)
        except (KeyError, RuntimeError, ValueError) as error:
            cause = str(error).splitlines()[0]
            raise ConfigError(f"the checkpoint is of another version of bench ({cause}); set resume=never") from error
        spent = config.budget.spent(result.steps, result.sequences, result.seconds)
        result.validations = min(result.validations, _validations_due(config, spent))  # fewer, of a larger budget
        reporter.info(f"going on from the checkpoint after step {result.steps}")
    arguments = (setup.model, setup.task, setup.optimizer, batches, config, setup.machine, offsets)
    steps = train(*arguments, position.carried, result.steps)
    for step in _timed(steps, result):
        spent = config.budget.spent(result.steps, result.sequences, result.seconds)
        reporter.step(spent, step.loss, result.steps, result.tokens / result.seconds)
        due = _validations_due(config, spent)
        if due > result.validations:
            result.validations = due
            _validate(setup, result, step.grad_norm, reporter)
            if config.patience is not None and result.stale >= config.patience:
                reporter.info(f"stopped early: {metric.name} on valid was no better {result.stale} times in a row")
                break
        if spent >= 1:
            break
        if result.updates:
            setup.schedule.advance(spent)
        if checkpoints and checkpoints.due(step.number):
            position.carried = step.state
            state = position.state_dict()
            state["fit"]["before"] += time.perf_counter() - began
            checkpoints.save(step.number, state)
    setup.model.load_state_dict(result.best_weights)
    reporter.info(f"best {metric.name} on valid: {result.best_score:.4g} {metric.unit}")


def _validations_due(config: Config, spent: float) -> int:
    """How many validations belong before the share `spent` of the budget is used up."""
    return math.floor(min(spent, 1) * config.evaluations + _ROUNDING)


def _timed(steps: Iterator[Step], result: Fit) -> Iterator[Step]:
    """The steps, with what they took and came to added to `result`; time spent outside them does not count."""
    while True:
        start = time.perf_counter()
        step = next(steps)
        result.seconds += time.perf_counter() - start
        result.steps = step.number
        result.sequences += step.sequences
        result.tokens += step.tokens
        result.updates += step.updates
        result.clipped += step.clipped
        result.clipping.add(step.clipped, step.updates)
        if not math.isnan(step.loss):  # where nothing was scored
            result.train_loss.add(step.loss)
        yield step


def _validate(setup: Setup, result: Fit, grad_norm: float, reporter: Reporter) -> None:
    """Score on valid, keep the weights if they are the best so far, and add a row to the curve.

    The weights are the averaged ones where an average is kept.
    """
    metric = setup.task.spec.metric
    with setup.average.in_place() if setup.average else nullcontext():
        scores = evaluate(setup.model, setup.task, "valid", setup.machine)
        if scores is None:
            raise DataError(f"{setup.task.spec.id} has an empty valid split; best weights are chosen on it")
        score = scores[metric.name]
        if math.isnan(score):  # an update has spoilt the weights, and no training loss has shown it yet
            raise Diverged(f"{metric.name} on valid became nan at step {result.steps}")
        result.stale += 1
        if result.best_score is None or metric.better(score, result.best_score):
            result.best_score, result.best_weights, result.stale = score, snapshot(setup.model), 0
    row = {
        "step": result.steps,
        "sequences": result.sequences,
        "tokens": result.tokens,
        "seconds": round(result.seconds, 3),
        "train_loss": result.train_loss.take(),
        "grad_norm": grad_norm,
        "clipped": result.clipping.take(),
        "lr": setup.schedule.rate,
    }
    result.curve.add(row, scores)
    reporter.validation(result.steps, row["train_loss"], metric.name, score)
    setup.schedule.validated(-score if metric.direction == "max" else score)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the model's weights that further training does not change."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
