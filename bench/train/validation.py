"""A validation: the model scored on the validation split, the best weights kept, a row added to the curve."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import NamedTuple

from torch import Tensor, nn

from bench.errors import DataError, Diverged
from bench.train.evaluate import evaluate, score_in
from bench.train.progress import Progress
from bench.train.setup import Setup


class Validation(NamedTuple):
    """The scores after `step` steps, and the figures of training since the previous validation.

    `train_loss` is the mean loss and `clipped` the share of clipped updates since the previous validation. `grad_norm`
    is the gradient's global norm before clipping, at the last update. `scores` are all scores on the validation split,
    `score` is the task's metric among them, and `best` says whether it is the best so far. `seconds` counts training
    steps alone.
    """

    step: int
    sequences: int
    tokens: int
    seconds: float
    train_loss: float
    grad_norm: float
    clipped: float
    lr: float
    scores: dict[str, float]
    score: float
    best: bool


def validate(setup: Setup, progress: Progress, grad_norm: float) -> Validation:
    """Score on the validation split, keep the weights if they are the best so far, and add a row to the curve.

    Where an average of the weights is kept, the averaged weights are scored. Of several ranks the first one scores, and
    all go by its scores. Raises DataError where the split is empty,
    Diverged where the score is no finite number, and Failed where it is not there.
    """
    metric, ranks = setup.task.spec.metric, setup.machine.ranks
    with setup.average.in_place() if setup.average else nullcontext():
        ranks.must_agree([*setup.model.parameters()])
        scores = ranks.first_says(evaluate(setup.model, setup.task, "valid", setup.machine) if ranks.is_first else None)
        if scores is None:
            raise DataError(
                f"{setup.task.spec.id} has an empty valid split, which is needed to choose the best weights"
            )
        score = score_in(scores, setup.task, "valid")
        if not math.isfinite(score):  # by the weights of the last update; the next training loss would have shown it
            raise Diverged(f"{metric.name} on valid became {score} at step {progress.steps}")
        progress.stale += 1
        best = progress.best_score is None or metric.better(score, progress.best_score)
        if best:
            progress.best_score, progress.best_weights, progress.stale = score, snapshot(setup.model), 0
    row = {
        "step": progress.steps,
        "sequences": progress.sequences,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 3),
        "train_loss": progress.train_loss.take(),
        "grad_norm": grad_norm,
        "clipped": progress.clipping.take(),
        "lr": setup.schedule.rate,
    }
    progress.curve.add(row, scores)
    setup.schedule.validated(-score if metric.direction == "max" else score)
    return Validation(**row, scores=scores, score=score, best=best)  # type: ignore[arg-type]


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the model's weights that further training does not change."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
