"""Scoring a model on a held-out split."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor

from bench.api import Batch, Split, State, Task
from bench.errors import Diverged, Failed
from bench.hardware.machine import Machine
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.train.finite import must_have_numbers
from bench.train.largest import Largest

BATCH_SIZE = 256  # lanes; by the contract of Task.batches, scores do not depend on it
MOST_STEPS = 2**16  # time steps over the lanes that are scored at once, so that memory does not grow with their length


@torch.inference_mode()
def evaluate(
    model: SequenceModel, task: Task, split: Split, machine: Machine, largest: Largest | None = None
) -> dict[str, float] | None:
    """The task's scores on the whole of `split`, in evaluation mode; None for an empty split.

    An encoder-decoder is scored both on its predictions of each next symbol and on its decoded outputs. Sums and counts
    are added over batches in double precision, and the task divides them once. Raises DataError where a batch's inputs
    or targets are not finite: an accuracy would not show it. `largest` keeps the largest of what is scored at once.
    """
    model.eval()
    totals: Counter[str] = Counter()
    state: tuple[State, ...] | None = None
    for batch in _batches(task, split):
        if largest is not None:
            largest.look(batch)
        tally, state = score_batch(model, task, batch, model.carry(state, batch.fresh), machine)
        for name, value in tally.items():
            totals[name] += value.item()  # type: ignore[assignment]
    if not totals:
        return None
    scores = task.scores(totals)
    if not isinstance(scores, Mapping):
        raise Failed(f"the task's `scores` gave {scores} on {split}: let it return scores by name")
    return {name: float(value) for name, value in scores.items()}


def score_batch(
    model: SequenceModel, task: Task, batch: Batch, state: tuple[State, ...], machine: Machine
) -> tuple[dict[str, Tensor], tuple[State, ...]]:
    """The task's sums and counts over a batch, and the state after it."""
    batch = batch.to(machine.device)
    with machine.autocast():
        logits, state = model.predict(batch, state)
        decoded = model.decode(batch.inputs) if isinstance(model, EncoderDecoder) else None
    tally = task.tally(logits, batch)
    if decoded is not None:
        tally |= task.tally_decoded(decoded, batch)
    return tally, state


def _batches(task: Task, split: Split) -> Iterator[Batch]:
    """The batches of a split in parts of at most MOST_STEPS, but for those whose lanes go on in the next batch."""
    batches = iter(task.batches(split, BATCH_SIZE, Generator().manual_seed(0)))
    batch, number = next(batches, None), 0
    while batch is not None:
        must_have_numbers(batch, split, number)
        following = next(batches, None)
        goes_on = following is not None and not following.fresh.all()
        yield from [batch] if goes_on else in_parts(batch, task.spec.reads)
        batch, number = following, number + 1


def in_parts(batch: Batch, reads: str) -> Iterator[Batch]:
    """The batch, or a few of its lanes at a time: lanes of like length, padded no further than the longest needs.

    Lanes that go on from the batch before stay together, as their states do.
    """
    steps, lanes = max(len(batch.inputs), len(batch.targets)), len(batch.fresh)
    if lanes == 1 or steps * lanes <= MOST_STEPS or not batch.fresh.all():
        yield batch
        return
    lengths_B = torch.full((lanes,), steps) if batch.lengths is None else batch.lengths
    for half_B in lengths_B.argsort(stable=True).tensor_split(2):
        half = batch.lanes(half_B)
        if reads != "sequence":
            half = half.span(0, int(lengths_B[half_B].max()))
        yield from in_parts(half, reads)


def score_in(scores: Mapping[str, float], task: Task, split: Split) -> float:
    """The task's metric among its scores on a split; raises Failed, naming the scores, where it is none of them."""
    name = task.spec.metric.name
    if name not in scores:
        has = ", ".join(scores) or "none"
        raise Failed(f"{name}, the task's metric, is not among its scores on {split}, {has}: let `scores` return it")
    return scores[name]


def must_have_score(scores: Mapping[str, float], task: Task, split: Split) -> None:
    """Raise Diverged where the task's metric among its scores on a split is NaN or infinite, as `score_in` raises."""
    if not math.isfinite(score := score_in(scores, task, split)):
        raise Diverged(f"{task.spec.metric.name} on {split} is {score}, no finite number")
