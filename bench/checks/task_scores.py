"""The law of a task's chance score, and of what right and wrong predictions score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.api import END, Batch, Task
from bench.checks.law import Broken, law
from bench.checks.task_probe import SPLITS, TaskProbe
from bench.checks.task_tally import must_score, tally_of

_NEAR = 0.1  # for sampling error: a share of the way from chance to `solved`, or of chance where that is unknown
_SURE = 30.0  # a logit by which a class is all but certain
_ROUNDING = 1e-3
_FEW = 1e-9  # the frequency of a class that train lacks
_MANY = 128  # classes: what a class drawn at random scores takes a pass for each


@law("set metric.chance to the score of the best of these constants, computed for the options in use")
def a_constant_predictor_scores_chance(probe: TaskProbe) -> str:
    """A predictor that ignores its input scores the spec's chance: equal logits, the classes' frequencies in train, the
    mean of the targets in train, or a class at random. Right predictions of classes score no worse than wrong ones.
    """
    metric = probe.task.spec.metric
    must_span_its_figures(probe.task, next(_held_out(probe)))
    scores = constant_scores(probe)
    most = _NEAR * abs(metric.chance if metric.solved is None else metric.solved - metric.chance)
    off = {name: abs(score - metric.chance) for name, score in scores.items()}
    if not min(off.values()) <= most and "the classes' frequencies" in scores and probe.task.spec.outputs <= _MANY:
        scores["a class at random"] = _score_at_random(probe)
        off["a class at random"] = abs(scores["a class at random"] - metric.chance)
    name = min(off, key=lambda constant: off[constant])
    if not off[name] <= most:
        found = ", ".join(f"{constant} {score:.4g}" for constant, score in scores.items())
        raise Broken(f"metric.chance is {metric.chance:.4g} {metric.unit}, but constants score: {found}")
    return f"{name} {scores[name]:.4g}, chance {metric.chance:.4g}"


def must_span_its_figures(task: Task, batch: Batch) -> None:
    """Raise Broken where predictions that are certain and right score worse than wrong ones, or where chance, solved or
    a baseline is a score that neither of them nor any between them has. Only classes have such predictions.
    """
    spec, metric = task.spec, task.spec.metric
    if type(task).loss is not Task.loss or spec.outputs < 2:
        return
    right_TBC = F.one_hot(batch.targets, spec.outputs) * _SURE
    right = must_score(task, tally_of(task, right_TBC, batch.targets, batch))
    wrong = must_score(task, tally_of(task, -right_TBC, torch.full_like(batch.targets, END), batch))
    if metric.better(wrong, right):
        raise Broken(
            f"metric.direction is {metric.direction}, but right predictions score {right:.4g}, wrong ones {wrong:.4g}"
        )
    low, high = sorted((right, wrong))
    for name, figure in {"chance": metric.chance, "solved": metric.solved, **metric.baselines}.items():
        if figure is not None and low < high and not low - _ROUNDING <= figure <= high + _ROUNDING:
            raise Broken(f"the metric's score of {name} is {figure:.4g}, but scores reach from {low:.4g} to {high:.4g}")


def constant_scores(probe: TaskProbe) -> dict[str, float]:
    """What predictors that ignore their input score on test, or on valid where test is empty, by name."""
    return {name: _score(probe, logits_C) for name, logits_C in _constants(probe).items()}


def _constants(probe: TaskProbe) -> dict[str, Tensor]:
    """Logits `[C]` of predictors that ignore their input, by name; some are learned from 100 batches of train."""
    outputs = probe.task.spec.outputs
    scored = [batch.targets[batch.weight > 0] for batch in probe.batches("train", 100, batch_size=32)]
    targets_N = torch.cat(scored)
    constants = {"equal logits": torch.zeros(outputs)}
    if not targets_N.is_floating_point():
        share_C = torch.bincount(targets_N, minlength=outputs) / len(targets_N)
        constants["the classes' frequencies"] = share_C.clamp(min=_FEW).log()
    elif targets_N.shape[-1] == outputs:
        mean_C = targets_N.mean(0)
        constants["the mean"] = mean_C
        if ((targets_N == 0) | (targets_N == 1)).all():
            constants["the frequencies of ones"] = mean_C.clamp(_FEW, 1 - 1e-6).logit()
    return constants


def _score_at_random(probe: TaskProbe) -> float:
    """The mean score of always the same class, over the classes."""
    outputs = probe.task.spec.outputs
    return sum(_score(probe, logits_C) for logits_C in _SURE * torch.eye(outputs)) / outputs


def _score(probe: TaskProbe, logits_C: Tensor) -> float:
    """The metric of a constant predictor on test, or on valid where test is empty."""
    task = probe.task
    totals: Counter[str] = Counter()
    for batch in _held_out(probe):
        logits_TBC = logits_C.expand(*batch.weight.shape, -1)
        symbol = int(logits_C.argmax())
        decoded_UB = torch.full((max(task.spec.longest, 1), len(batch.fresh)), symbol)
        for name, value in tally_of(task, logits_TBC, decoded_UB, batch).items():
            totals[name] += value.item()  # type: ignore[assignment]
    return task.scores(totals)[task.spec.metric.name]


def _held_out(probe: TaskProbe) -> Iterator[Batch]:
    for split in reversed(SPLITS):
        batches = list(islice(probe.task.batches(split, 64, Generator().manual_seed(0)), 200))
        if batches:
            return iter(batches)
    raise Broken("test and valid are empty")
