"""The quick check of a task before a run: the laws that its spec, its first batches and one tally can test."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import islice

import torch
from torch import Generator

from bench.api import Batch, Split, Task, TaskSpec
from bench.checks import task_batches, task_scores, task_spec, task_tally
from bench.checks.law import Broken, Law, describe, refusal
from bench.checks.task_probe import PIECE, SPLITS, TaskProbe, goes_on, sequences
from bench.errors import BenchError, DataError, Failed

_LANES = 8  # of valid and test, and of a tally
_MOST = 2**21  # numbers in the logits of a tally: a few milliseconds
_MOST_SHARED = 0.5  # of the few sequences that are drawn; `bench check` looks at all, and closely
_SEARCHED = 64  # lanes of train in which a stretch is searched
_FURTHER = 20  # batches to look through for what the first ones may lack: a scored position, a score that is a number


@dataclass(frozen=True)
class First:
    """What a task shows first: its spec, and the first batches of each split, two of them of train."""

    task: Task
    spec: TaskSpec
    batches: dict[Split, list[Batch]]
    again: Batch
    """The first batch of train, drawn a second time from the same state of the generator."""
    drawn_globally: bool

    @property
    def steps(self) -> int:
        """The number of time steps of the first batch of train."""
        return len(self.batches["train"][0].inputs)

    @property
    def longest(self) -> int:
        """The largest number of time steps that a cell carries a state through in these batches."""
        return max(max(len(batch.inputs), len(batch.targets)) for split in SPLITS for batch in self.batches[split])

    def few(self, batch: Batch) -> Batch:
        """Some lanes of a batch, so few that a tally of them takes no time."""
        steps = len(batch.targets)
        return batch.lanes(slice(max(1, min(_LANES, _MOST // (steps * self.spec.outputs)))))


def quick_check_spec(task: Task) -> Task:
    """The task itself; ConfigError where its spec cannot be true, so that nothing may be recorded under it."""
    try:
        task_spec.must_be_sound(task.spec)
    except Broken as error:
        raise refusal(f"task {type(task).__name__}", task_spec.spec_is_honoured, error, "task") from error
    return task


def quick_check_task(task: Task, batch_size: int) -> First:
    """Hold a task to the laws as far as its first batches show them; returns what it showed.

    ConfigError names law, place and remedy, and Failed the place at which the task's own code raised something else. A
    law that the task expects to break is left out. Raises DataError where train or valid is empty. Leaves the global
    generators as they were.
    """
    with task_batches.global_generators_kept() as drawn_from:
        spec = task.spec
        batches = {split: _draw(task, split, 2 if split == "train" else 1, batch_size) for split in SPLITS}
        (again,) = _draw(task, "train", 1, batch_size)
        first = First(task, spec, batches, again, drawn_from())
        for law, check in _CHECKS:
            if law.name not in task.expected_failures:
                try:
                    check(first)
                except BenchError:
                    raise
                except Exception as error:
                    refused = refusal(f"task {type(task).__name__}", law, error, "task")
                    raise (refused if isinstance(error, Broken) else Failed(str(refused))) from error
    return first


def _draw(task: Task, split: Split, count: int, batch_size: int) -> list[Batch]:
    """The first batches of a split."""
    lanes = batch_size if split == "train" else _LANES
    try:
        batches = list(islice(task.batches(split, lanes, Generator()), count))
    except BenchError:
        raise
    except Exception as error:
        name = type(task).__name__
        raise Failed(
            f"task {name} gives no batch of {split}: {describe(error)} (python -m bench check task=... checks all laws)"
        ) from error
    if split == "train" and not batches:
        raise DataError(f"{task.spec.id} has no batch of {lanes} in its train split: lower batch_size")
    if split == "valid" and not batches:
        raise DataError(f"{task.spec.id} has an empty valid split, which is needed to choose the best weights")
    return batches


def _spec(first: First) -> None:
    for split, batches in first.batches.items():
        for number, batch in enumerate(batches):
            task_spec.must_honour(first.task, first.spec, batch, f"{split}, batch {number}", first.few)
    task_spec.must_be_constant(first.spec, first.task)


def _generators(first: First) -> None:
    if first.drawn_globally:
        raise Broken("batches draws from a global generator")
    for name in (field.name for field in fields(Batch)):
        once, twice = getattr(first.batches["train"][0], name), getattr(first.again, name)
        if once is not None and (twice is None or once.shape != twice.shape or not torch.equal(once, twice)):
            raise Broken(f"{name} of the first batch of train differs a second time for the same seed")


def _splits(first: First) -> None:
    """Most of what is held out may not be in train, unless train repeats itself as much. Where lanes go on, the first
    stretch of each is looked for.
    """
    go_on = goes_on(first.batches["train"])
    train = list(islice(sequences(first.batches["train"]), _SEARCHED if go_on else None))
    width, times = first.batches["train"][0].inputs[0, 0].nbytes * PIECE, Counter(train)
    what = f"stretches of {PIECE} steps" if go_on else "sequences"

    def found(content: bytes) -> int:
        """In how many sequences of train it is."""
        return sum(content[:width] in lane for lane in train) if go_on else times[content]

    repeated = sum(found(lane) > 1 for lane in train) / len(train)
    for split in SPLITS[1:]:
        held_out = list(sequences(first.batches[split]))
        shared = sum(found(lane) > 0 for lane in held_out)
        if len(held_out) > 1 and shared > len(held_out) * max(_MOST_SHARED, repeated):
            raise Broken(f"{shared} of the first {len(held_out)} {what} in {split} are also in train")


def _tally(first: First) -> None:
    for split in SPLITS:
        for batch in map(first.few, first.batches[split][:1]):
            totals = task_tally.must_add_up(first.task, batch, split)
            with suppress(ZeroDivisionError):  # a batch may hold nothing of what the metric counts
                task_tally.must_score(first.task, totals)


def _chance(first: First) -> None:
    """Random predictions have a score, if not of one batch, then of several; and what is known of scores is one."""
    totals, score = Counter[str](), math.nan
    for batch in _scored(first, "valid"):
        totals.update(task_tally.must_add_up(first.task, batch, "valid"))
        with suppress(ZeroDivisionError):
            score = task_tally.must_score(first.task, totals)
        if math.isfinite(score):
            task_scores.must_span_its_figures(first.task, batch)
            return
    raise Broken(f"{first.spec.metric.name} of random predictions is {score}")


def _weights(first: First) -> None:
    for split in SPLITS:
        scored = next(_scored(first, split), None)
        if scored is not None:
            task_tally.must_ignore_the_rest(first.task, scored, split)
        elif first.batches[split]:
            raise Broken(f"{split}: no position in its first batches has a weight above 0")


def _scored(first: First, split: Split) -> Iterator[Batch]:
    """A few lanes each of batches with something scored: of the first ones, then of further ones."""

    def drawn() -> Iterator[Batch]:
        yield from first.batches[split]
        yield from islice(first.task.batches(split, _LANES, Generator()), _FURTHER)

    for batch in map(first.few, drawn()):
        if batch.weight.any():
            yield batch


_CHECKS: tuple[tuple[Law[TaskProbe], Callable[[First], None]], ...] = (
    (task_spec.spec_is_honoured, _spec),
    (task_batches.same_seed_same_batches, _generators),
    (task_batches.splits_are_disjoint, _splits),
    (task_tally.tallies_add_up, _tally),
    (task_tally.weights_cover_what_is_scored, _weights),
    (task_scores.a_constant_predictor_scores_chance, _chance),
)
