"""Laws of a task's scoring: chance is right, tallies add up, and the weight decides which positions count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Generator, Tensor

from bench.api import END, Batch, Task, TaskSpec
from bench.checks.law import Broken, law
from bench.checks.task_probe import SPLITS, TaskProbe

_NEAR = 0.1  # for sampling error: a share of the way from chance to `solved`, or of chance where that is unknown
_FEW = 1e-9  # the frequency of a class that train lacks


@law("set metric.chance to the score of the best of these constants, computed for the options in use")
def a_constant_predictor_scores_chance(probe: TaskProbe) -> str:
    """A predictor that ignores its input scores the spec's chance: equal logits, the classes' frequencies in train, or
    the mean of the targets in train.
    """
    metric = probe.task.spec.metric
    scores = {name: _score(probe, logits_C) for name, logits_C in _constants(probe).items()}
    scale = abs(metric.chance if metric.solved is None else metric.solved - metric.chance)
    name = min(scores, key=lambda constant: abs(scores[constant] - metric.chance))
    if not abs(scores[name] - metric.chance) <= _NEAR * scale:
        found = ", ".join(f"{constant} {score:.4g}" for constant, score in scores.items())
        raise Broken(f"metric.chance is {metric.chance:.4g} {metric.unit}, but constants score: {found}")
    return f"{name} {scores[name]:.4g}, chance {metric.chance:.4g}"


@law("return sums and counts from tally, each a scalar, and divide in scores alone")
def tallies_add_up(probe: TaskProbe) -> None:
    """The tally of a batch is the sum of its lanes' tallies, and `scores` returns the metric under its name."""
    task, spec = probe.task, probe.task.spec
    for split in SPLITS:
        for batch in probe.batches(split, 3):
            logits_TBC, decoded_UB = _random_logits(batch, spec), _random_output(batch, spec)
            whole = _tally(task, logits_TBC, decoded_UB, batch)
            parts: Counter[str] = Counter()
            for lane in range(len(batch.fresh)):
                one = slice(lane, lane + 1)
                for name, value in _tally(task, logits_TBC[:, one], decoded_UB[:, one], _lane(batch, lane)).items():
                    parts[name] += value.item()  # type: ignore[assignment]
            for name, value in whole.items():
                if not abs(value.item() - parts[name]) <= 1e-4 * max(1.0, abs(parts[name])):
                    raise Broken(
                        f"{split}: `{name}` of a batch is {value.item():.6g}, the sum over its lanes {parts[name]:.6g}"
                    )
            if spec.metric.name not in (scores := task.scores(parts)):
                raise Broken(f"scores returns {', '.join(scores)}, but not the metric {spec.metric.name}")


@law("multiply every sum and count in tally by batch.weight, and make it positive exactly where positions are scored")
def weights_cover_what_is_scored(probe: TaskProbe) -> None:
    """Logits and targets at weight 0 change no tally; setting the weight of a scored position to 0 changes one."""
    task, spec = probe.task, probe.task.spec
    for split in SPLITS:
        for batch in probe.batches(split, 3):
            logits_TBC, other_TBC = (_random_logits(batch, spec, seed) for seed in (0, 1))
            decoded_UB = _random_output(batch, spec)
            tally = _tally(task, logits_TBC, decoded_UB, batch)
            scored_TB = batch.weight > 0
            if not scored_TB.any():
                raise Broken(f"{split}: a batch has no weight above 0")
            unseen = torch.where(scored_TB[..., None], logits_TBC, other_TBC)
            for what, again in (
                ("logits", _tally(task, unseen, decoded_UB, batch)),
                ("targets", _tally(task, logits_TBC, decoded_UB, _with_other_targets(batch, spec))),
            ):
                if name := next((name for name in tally if not torch.equal(tally[name], again[name])), None):
                    raise Broken(f"{split}: `{name}` changes with {what} where the weight is 0")
            first = scored_TB.nonzero()[0].tolist()
            weight_TB = batch.weight.clone()
            weight_TB[tuple(first)] = 0
            less = _tally(task, logits_TBC, decoded_UB, replace(batch, weight=weight_TB))
            if all(torch.equal(tally[name], less[name]) for name in tally):
                raise Broken(f"{split}: weight 0 at time {first[0]}, lane {first[1]} does not change the tally")


def _tally(task: Task, logits_TBC: Tensor, decoded_UB: Tensor, batch: Batch) -> dict[str, Tensor]:
    """The tally of predictions and, where the task reads a `sequence`, of the symbols that a model wrote."""
    tally = task.tally(logits_TBC, batch)
    return tally if task.spec.reads != "sequence" else tally | task.tally_decoded(decoded_UB, batch)


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


def _score(probe: TaskProbe, logits_C: Tensor) -> float:
    """The metric of a constant predictor on test, or on valid where test is empty."""
    task = probe.task
    totals: Counter[str] = Counter()
    for batch in _held_out(probe):
        logits_TBC = logits_C.expand(*batch.weight.shape, -1)
        symbol = int(logits_C.argmax())
        decoded_UB = torch.full((max(task.spec.longest, 1), len(batch.fresh)), symbol)
        for name, value in _tally(task, logits_TBC, decoded_UB, batch).items():
            totals[name] += value.item()  # type: ignore[assignment]
    return task.scores(totals)[task.spec.metric.name]


def _held_out(probe: TaskProbe) -> Iterator[Batch]:
    for split in reversed(SPLITS):
        batches = list(islice(probe.task.batches(split, 64, Generator().manual_seed(0)), 200))
        if batches:
            return iter(batches)
    raise Broken("test and valid are empty")


def _random_logits(batch: Batch, spec: TaskSpec, seed: int = 0) -> Tensor:
    return torch.randn(*batch.weight.shape, spec.outputs, generator=Generator().manual_seed(seed))


def _random_output(batch: Batch, spec: TaskSpec) -> Tensor:
    """Random symbols `[U, B]`, of the targets' length; some lanes end earlier."""
    drawn_UB = torch.randint(spec.outputs, batch.weight.shape, generator=Generator().manual_seed(0))
    return torch.where((drawn_UB == END).cumsum(0) > 0, END, drawn_UB)


def _lane(batch: Batch, lane: int) -> Batch:
    """One lane of a batch, as a batch."""
    one = slice(lane, lane + 1)
    return Batch(
        inputs=batch.inputs[:, one],
        targets=batch.targets[:, one],
        weight=batch.weight[:, one],
        fresh=batch.fresh[one],
        lengths=None if batch.lengths is None else batch.lengths[one],
    )


def _with_other_targets(batch: Batch, spec: TaskSpec) -> Batch:
    """The batch with other targets where the weight is 0."""
    targets = batch.targets
    other = 1 - targets if targets.is_floating_point() else (targets + 1) % spec.outputs
    scored = (batch.weight > 0).view(*batch.weight.shape, *[1] * (targets.dim() - 2))
    return replace(batch, targets=torch.where(scored, targets, other))
