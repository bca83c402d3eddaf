"""Checking a task against all its laws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.api import Task
from bench.checks import task_batches, task_files, task_memory, task_scores, task_spec, task_tally
from bench.checks.law import Law, Verdict, judge
from bench.checks.task_probe import TaskProbe

LAWS: tuple[Law[TaskProbe], ...] = (
    task_spec.spec_is_honoured,
    task_batches.same_seed_same_batches,
    task_batches.held_out_data_is_fixed,
    task_batches.splits_are_disjoint,
    task_scores.a_constant_predictor_scores_chance,
    task_tally.tallies_add_up,
    task_tally.weights_cover_what_is_scored,
    task_batches.no_network_in_batches,
    task_files.files_are_stated,
    task_memory.memory_is_flat,
)
TASK_LAWS = tuple(law.name for law in LAWS)
"""The names of the laws, in the order in which they are checked."""


def check_task(
    task_class: type[Task],
    options: Mapping[str, Any] | None = None,
    *,
    expected_failures: Mapping[str, str] | None = None,
    laws: Iterable[str] | None = None,
    memory_batches: int = TaskProbe.memory_batches,
    longest_split: int = TaskProbe.longest_split,
) -> list[Verdict]:
    """A verdict for each law (or each of `laws`) on `task_class(**options)`.

    `expected_failures` maps the laws that the task breaks for a good reason to the reasons, in addition to the
    attribute of this name on the class. Memory is measured over `memory_batches` batches of train. Valid and test must
    end within `longest_split` batches. The class must be defined at the top level of its module, so that another
    process can import it.

    Raises ConfigError for an unknown law. Errors of the task become failed verdicts.
    """
    expected = {**getattr(task_class, "expected_failures", {}), **(expected_failures or {})}
    probe = TaskProbe(task_class, options or {}, memory_batches, longest_split)
    return judge(LAWS, probe, expected, laws)


def assert_task(
    task_class: type[Task],
    options: Mapping[str, Any] | None = None,
    *,
    expected_failures: Mapping[str, str] | None = None,
    laws: Iterable[str] | None = None,
    memory_batches: int = TaskProbe.memory_batches,
    longest_split: int = TaskProbe.longest_split,
) -> None:
    """`check_task` for tests: raises AssertionError with a line for each verdict that is not ok (see `Verdict`)."""
    verdicts = check_task(
        task_class,
        options,
        expected_failures=expected_failures,
        laws=laws,
        memory_batches=memory_batches,
        longest_split=longest_split,
    )
    wrong = [str(verdict) for verdict in verdicts if not verdict.ok]
    assert not wrong, "\n".join(wrong)
