"""The long-memory tasks in small, and an oracle for each: what to answer at which step, told from one lane's inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.api import Batch, Task
from bench.tasks.adding import Adding
from bench.tasks.associative_recall import AssociativeRecall
from bench.tasks.copy import Copy
from bench.tasks.dyck import Dyck
from bench.tasks.parity import Parity
from bench.tasks.selective_copy import SelectiveCopy
from bench.tasks.temporal_order import TemporalOrder

Answers = dict[int, float]

SMALL: dict[str, tuple[type[Task], dict[str, Any]]] = {
    "copy": (Copy, {"symbols": 4, "delay": 3, "alphabet": 6}),
    "copy_bai": (Copy, {"symbols": 4, "delay": 3, "alphabet": 6, "variant": "bai"}),
    "copy_s4": (Copy, {"symbols": 4, "delay": 3, "alphabet": 6, "variant": "s4"}),
    "adding": (Adding, {"length": 7}),
    "selective_copy": (SelectiveCopy, {"symbols": 3, "length": 6, "alphabet": 5}),
    "associative_recall": (AssociativeRecall, {"pairs": 2, "vocabulary": 8, "length": 13}),
    "parity": (Parity, {"length": 9}),
    "temporal_order": (TemporalOrder, {"length": 13}),
    "dyck": (Dyck, {"types": 5, "depth": 2, "length": 7}),
}
"""Each task's class and options that make it small; few enough sequences, where possible, that splits would collide."""


def make(name: str, **changes: Any) -> Task:
    """A small task, 40 sequences in valid and in test, but for `changes`."""
    task_class, options = SMALL[name]
    return task_class(**{"held_out": 40, **options, **changes})


def longer(name: str) -> dict[str, int]:
    """The options that make a small task's test sequences longer."""
    return {"test_delay": 8} if name.startswith("copy") else {"test_length": 21}


def copy(x: list[int]) -> Answers:
    """Say the symbols from the step after the first marker on."""
    return dict(enumerate((s - 2 for s in x if s >= 2), x.index(1) + 1))


def copy_at_markers(x: list[int]) -> Answers:
    """Say the symbols from the first marker on."""
    return dict(enumerate((s - 2 for s in x if s >= 2), x.index(1)))


def adding(x: list[list[float]]) -> Answers:
    return {len(x) - 1: sum(value for value, mark in x if mark == 1)}


def associative_recall(x: list[int]) -> Answers:
    """Keys are 1 to 3, values 4 to 7. A key that is known is a query."""
    memory: dict[int, int] = {}
    answers: Answers = {}
    for step, token in enumerate(x):
        if token in memory:
            answers[step] = memory[token] - 4
        elif 1 <= token <= 3:
            memory[token] = x[step + 1]
    return answers


def parity(x: list[int]) -> Answers:
    return {step: sum(x[: step + 1]) % 2 for step in range(len(x))}


def temporal_order(x: list[int]) -> Answers:
    """A and B are 0 and 1."""
    first, second = (symbol for symbol in x if symbol <= 1)
    return {len(x) - 1: [(0, 0), (0, 1), (1, 0), (1, 1)].index((first, second))}


def dyck(x: list[int]) -> Answers:
    """Types are 0 to 4, closing brackets 5 to 9."""
    stack: list[int] = []
    answers: Answers = {}
    for step, bracket in enumerate(x):
        if bracket < 5:
            stack.append(bracket)
        else:
            assert stack.pop() == bracket - 5, "closes another bracket than the last open one"
        assert len(stack) <= 2, "deeper than allowed"
        if step + 1 < len(x) and x[step + 1] >= 5:
            answers[step] = stack[-1]
    return answers


ORACLES: dict[str, Callable[[list[Any]], Answers]] = {
    "copy": copy,
    "copy_bai": copy,
    "copy_s4": copy_at_markers,
    "adding": adding,
    "selective_copy": copy_at_markers,
    "associative_recall": associative_recall,
    "parity": parity,
    "temporal_order": temporal_order,
    "dyck": dyck,
}


def one_hot(classes_TB: Tensor, size: int) -> Tensor:
    """Logits `[T, B, C]` that are sure of the given classes."""
    return 50 * F.one_hot(classes_TB, size).float()


def logits_of(answers: Iterable[Answers], batch: Batch, task: Task) -> Tensor:
    """Logits `[T, B, C]` that give each lane's answers: the answers themselves where there is one output."""
    answers_TB = torch.zeros(batch.weight.shape)
    for lane, lane_answers in enumerate(answers):
        for step, answer in lane_answers.items():
            answers_TB[step, lane] = answer
    return answers_TB[..., None] if task.spec.outputs == 1 else one_hot(answers_TB.long(), task.spec.outputs)


def answers_of(name: str, batch: Batch) -> list[Answers]:
    """The oracle's answers for each lane."""
    return [ORACLES[name](lane) for lane in batch.inputs.transpose(0, 1).tolist()]


def scores_of(task: Task, batches: Iterable[Batch], logits: Callable[[Batch], Tensor]) -> dict[str, float]:
    """The scores of a predictor, given as a function from batches to logits."""
    totals: Counter[str] = Counter()
    for batch in batches:
        for total, value in task.tally(logits(batch), batch).items():
            totals[total] += value.item()  # type: ignore[assignment]
    return task.scores(totals)
