"""An audit of a task by training: what a model learns from labels that are others', and from time out of its order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.api import Task
from bench.checks.law import Verdict
from bench.checks.task_changed import Changed, as_it_is, labels_shuffled, time_reversed, time_shuffled
from bench.checks.task_near import near_train
from bench.checks.task_probe import TaskProbe
from bench.checks.task_scores import constant_scores
from bench.config.schema import BudgetConfig, Config
from bench.hardware.settings import torch_settings_kept
from bench.job.build import build
from bench.tables.formats import four_digits, three_digits
from bench.train.evaluate import evaluate
from bench.train.fit import Fit

STEPS, HIDDEN = 300, 32
"""The length of training and the width of the model."""

_CHANCE = 0.1  # of the way from chance to solved, or of chance: for sampling error, as in the law of chance
_MORE = 0.02  # by which test may be nearer to train than any tenth of train is to the rest
_CHANGES = {
    "as it is": as_it_is,
    "labels shuffled": labels_shuffled,
    "time reversed": time_reversed,
    "time shuffled": time_shuffled,
}


def audit(probe: TaskProbe, config: Config) -> list[Verdict]:
    """What a small model learns of the task as it is and changed, and how near test is to train.

    The model has 32 units and trains for 300 steps, with the other options of `config`.
    """
    with torch_settings_kept():
        scores = {name: _learned(Changed(probe.task, change), config) for name, change in _CHANGES.items()}
    return [_labels_are_needed(probe, scores), _order(probe.task, scores), _test_is_not_train(probe.task)]


def _learned(task: Task, config: Config) -> float:
    """The metric on test (on valid, where test is empty) after training."""
    model, budget = replace(config.model, hidden=HIDDEN), BudgetConfig(steps=STEPS)
    setup = build(replace(config, model=model, budget=budget, evaluations=3), task)
    for _ in Fit(setup):
        pass
    scores = evaluate(setup.model, task, "test", setup.machine) or evaluate(setup.model, task, "valid", setup.machine)
    assert scores is not None  # Fit has scored valid
    return scores[task.spec.metric.name]


def _labels_are_needed(probe: TaskProbe, scores: Mapping[str, float]) -> Verdict:
    """Labels of other sequences cannot be told: a model that is given them scores what a constant does."""
    metric, law = probe.task.spec.metric, "shuffled labels score chance"
    constants = [metric.chance, *constant_scores(probe).values()]
    best = max(constants) if metric.direction == "max" else min(constants)
    most = _CHANCE * abs(metric.chance if metric.solved is None else metric.solved - metric.chance)
    score = scores["labels shuffled"]
    said = f"{metric.name} {four_digits(score)}, the best constant {four_digits(best)}"
    if metric.better(score, best) and abs(score - best) > most:
        return Verdict(law, "failed", f"{said}: labels can be told without their inputs, as by their place in time")
    return Verdict(law, "passed", said)


def _order(task: Task, scores: Mapping[str, float]) -> Verdict:
    """How much the order of the time steps matters: said, and not judged."""
    names = ("as it is", "time reversed", "time shuffled")
    said = ", ".join(f"{name} {four_digits(scores[name])}" for name in names)
    return Verdict("order in time", "passed", f"{task.spec.metric.name} {said} (chance {task.spec.metric.chance:.4g})")


def _test_is_not_train(task: Task) -> Verdict:
    """Test is no nearer to train than the tenth of train that is nearest to the rest of it."""
    law, found = "test is not near train", near_train(task)
    if found is None:
        return Verdict(law, "passed", "nothing is held out")
    shares = [f"{three_digits(100 * share)}%" for share in (found.exact, found.near, found.own)]
    said = f"of {found.sequences} sequences {shares[0]} are in train and {shares[1]} near one of train"
    said = f"{said}; of the tenth of train that repeats the rest most, {shares[2]}"
    if found.near > found.own + _MORE:
        return Verdict(law, "failed", f"{said}: draw the splits apart, and leave out what is twice in the data")
    return Verdict(law, "passed", said)
