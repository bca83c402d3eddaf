"""Laws of a task's scoring: chance is what it says, tallies add up, and weights rule what counts."""

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

_NEAR = 0.1  # of the way from chance to the best score, or of chance where that is unknown: sampling error, and no more
_FEW = 1e-9  # the frequency of what train does not hold


@law("set metric.chance to what the best of these constants scores, computed for these very options")
def a_constant_predictor_scores_chance(probe: TaskProbe) -> str:
    """A predictor that ignores its input scores the spec's chance: by equal logits, by how often each class occurs in
    train, or by the mean of the targets in train.
    """
    metric = probe.task.spec.metric
    scores = {name: _score(probe, logits_C) for name, logits_C in _constants(probe).items()}
    scale = abs(metric.chance if metric.solved is None else metric.solved - metric.chance)
    name = min(scores, key=lambda constant: abs(scores[constant] - metric.chance))
    if not abs(scores[name] - metric.chance) <= _NEAR * scale:
        found = ", ".join(f"{constant} {score:.4g}" for constant, score in scores.items())
        raise Broken(f"chance is said to be {metric.chance:.4g} {metric.unit}, and constants score: {found}")
    return f"{name} {scores[name]:.4g}, chance {metric.chance:.4g}"


@law("return sums and counts from tally, scalars each, and divide in scores alone")
def tallies_add_up(probe: TaskProbe) -> None:
    """The tally of a batch is the sum of the tallies of its lanes, and scores holds the metric by its name."""
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
                        f"{split}: `{name}` of a batch is {value.item():.6g}, of its lanes together {parts[name]:.6g}"
                    )
            if spec.metric.name not in (scores := task.scores(parts)):
                raise Broken(f"scores holds {', '.join(scores)}, but not the metric {spec.metric.name}")


@law("multiply by batch.weight whatever tally sums or counts, and let it be above 0 exactly where the metric looks")
def weights_cover_what_is_scored(probe: TaskProbe) -> None:
    """What stands where the weight is 0 changes no tally; taking the weight from one scored position does."""
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
                raise Broken(f"{split}: the tally is the same without the weight at time {first[0]}, lane {first[1]}")


def _tally(task: Task, logits_TBC: Tensor, decoded_UB: Tensor, batch: Batch) -> dict[str, Tensor]:
    """What is added up over a split: of predictions and, where the task reads sequences, of what a model wrote."""
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
    """Outputs `[U, B]` of as many steps as the targets have, of which some end before."""
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
