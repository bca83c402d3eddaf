"""Laws of a task's tally: sums that add up over lanes, of what the weights leave in alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from bench.api import END, Batch, Task, TaskSpec
from bench.checks.law import Broken, law
from bench.checks.task_probe import SPLITS, TaskProbe


@law("return sums and counts from tally, each a scalar, and divide in scores alone")
def tallies_add_up(probe: TaskProbe) -> None:
    """The tally of a batch is the sum of its lanes' tallies, and `scores` returns the metric under its name."""
    for split in SPLITS:
        for batch in probe.batches(split, 3):
            must_score(probe.task, must_add_up(probe.task, batch, split))


@law("multiply every sum and count in tally by batch.weight, and make it positive exactly where positions are scored")
def weights_cover_what_is_scored(probe: TaskProbe) -> None:
    """Logits and targets at weight 0 change no tally; setting the weight of a scored position to 0 changes one."""
    for split in SPLITS:
        for batch in probe.batches(split, 3):
            if not (batch.weight > 0).any():
                raise Broken(f"{split}: a batch has no weight above 0")
            must_ignore_the_rest(probe.task, batch, split)
            must_count_the_first(probe.task, batch, split)


def must_add_up(task: Task, batch: Batch, place: str) -> Counter[str]:
    """The totals of random predictions for a batch; Broken where its tally is not the sum over its lanes. A single lane
    is taken twice.
    """
    if len(batch.fresh) == 1:
        batch = twice(batch)
    logits_TBC, decoded_UB = random_logits(batch, task.spec), _random_output(batch, task.spec)
    whole = tally_of(task, logits_TBC, decoded_UB, batch)
    totals: Counter[str] = Counter()
    for lanes in (slice(lane, lane + 1) for lane in range(len(batch.fresh))):
        for name, value in tally_of(task, logits_TBC[:, lanes], decoded_UB[:, lanes], batch.lanes(lanes)).items():
            totals[name] += value.item()  # type: ignore[assignment]
    for name, value in whole.items():
        if not abs(value.item() - totals[name]) <= 1e-4 * max(1.0, abs(totals[name])):
            raise Broken(
                f"{place}: `{name}` of a batch is {value.item():.6g}, the sum over its lanes {totals[name]:.6g}"
            )
    return totals


def must_score(task: Task, totals: Mapping[str, Any]) -> float:
    """The metric of a tally or of totals; Broken where `scores` does not return it under its name."""
    scores = task.scores({name: float(value) for name, value in totals.items()})
    if not isinstance(scores, dict):
        raise Broken(f"scores returns {type(scores).__name__} instead of a dict of scores by name")
    if task.spec.metric.name not in scores:
        raise Broken(f"scores returns {', '.join(scores)}, but not the metric {task.spec.metric.name}")
    return float(scores[task.spec.metric.name])


def must_ignore_the_rest(task: Task, batch: Batch, place: str) -> None:
    """Raise Broken where the tally of a batch depends on what its weights leave out."""
    spec = task.spec
    logits_TBC, other_TBC = (random_logits(batch, spec, seed) for seed in (0, 1))
    decoded_UB = _random_output(batch, spec)
    tally = tally_of(task, logits_TBC, decoded_UB, batch)
    scored_TB = batch.weight > 0
    unseen = torch.where(scored_TB[..., None], logits_TBC, other_TBC)
    for what, again in (
        ("logits", tally_of(task, unseen, decoded_UB, batch)),
        ("targets", tally_of(task, logits_TBC, decoded_UB, _with_other_targets(batch, spec))),
    ):
        if name := next((name for name in tally if not torch.equal(tally[name], again[name])), None):
            raise Broken(f"{place}: `{name}` changes with {what} where the weight is 0")


def must_count_the_first(task: Task, batch: Batch, place: str) -> None:
    """Raise Broken where the first scored position of a batch changes no tally by its weight."""
    logits_TBC, decoded_UB = random_logits(batch, task.spec), _random_output(batch, task.spec)
    first = (batch.weight > 0).nonzero()[0].tolist()
    weight_TB = batch.weight.clone()
    weight_TB[tuple(first)] = 0
    tally, less = (tally_of(task, logits_TBC, decoded_UB, b) for b in (batch, replace(batch, weight=weight_TB)))
    if all(torch.equal(tally[name], less[name]) for name in tally):
        raise Broken(f"{place}: weight 0 at time {first[0]}, lane {first[1]} does not change the tally")


def tally_of(task: Task, logits_TBC: Tensor, decoded_UB: Tensor, batch: Batch) -> dict[str, Tensor]:
    """The tally of predictions and, where the task reads a `sequence`, of the symbols that a model wrote; Broken where
    it is no dict of scalar tensors.
    """
    tallies = [task.tally(logits_TBC, batch)]
    if task.spec.reads == "sequence":
        tallies.append(task.tally_decoded(decoded_UB, batch))
    tally: dict[str, Tensor] = {}
    for part in tallies:
        if not isinstance(part, dict):
            raise Broken(f"tally returns {type(part).__name__} instead of a dict of sums and counts by name")
        tally |= part
    for name, value in tally.items():
        if not isinstance(value, Tensor) or value.numel() != 1:
            found = f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise Broken(f"`{name}` of the tally is {found} instead of a scalar tensor")
    return tally


def twice(batch: Batch) -> Batch:
    """A batch with each of its lanes a second time."""
    inputs, targets, weight = (torch.cat([part, part], 1) for part in (batch.inputs, batch.targets, batch.weight))
    return Batch(
        inputs, targets, weight, batch.fresh.repeat(2), None if batch.lengths is None else batch.lengths.repeat(2)
    )


def random_logits(batch: Batch, spec: TaskSpec, seed: int = 0) -> Tensor:
    """Random predictions, of which more are right than by chance: sums of zeros would add up in any case."""
    logits_TBC = torch.randn(*batch.weight.shape, spec.outputs, generator=Generator().manual_seed(seed))
    if not batch.targets.is_floating_point():
        logits_TBC.scatter_add_(2, batch.targets.clamp(0, spec.outputs - 1)[..., None], torch.ones_like(logits_TBC))
    return logits_TBC


def _random_output(batch: Batch, spec: TaskSpec) -> Tensor:
    """Random symbols `[U, B]`, of the targets' length; some lanes end earlier."""
    drawn_UB = torch.randint(spec.outputs, batch.weight.shape, generator=Generator().manual_seed(0))
    return torch.where((drawn_UB == END).cumsum(0) > 0, END, drawn_UB)


def _with_other_targets(batch: Batch, spec: TaskSpec) -> Batch:
    """The batch with other targets where the weight is 0."""
    targets = batch.targets
    other = 1 - targets if targets.is_floating_point() else (targets + 1) % spec.outputs
    scored = (batch.weight > 0).view(*batch.weight.shape, *[1] * (targets.dim() - 2))
    return replace(batch, targets=torch.where(scored, targets, other))
