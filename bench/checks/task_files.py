"""The law of a task's files: data that a task reads is stated, so that a run knows when it has changed."""

from __future__ import annotations

from itertools import islice

from torch import Generator

from bench.api import Task
from bench.checks.law import Broken, law
from bench.checks.task_probe import SPLITS, TaskProbe
from bench.results.reads import FilesRead


@law("state the data: TaskSpec(..., fingerprint=file_hash(path)), with file_hash from bench.api")
def files_are_stated(probe: TaskProbe) -> None:
    """A task that reads files has a fingerprint, so that a run on other data is another run."""
    if not is_silent(probe.task):
        return
    with FilesRead() as read:
        task = probe.task_class(**probe.options)
        for split in SPLITS:
            list(islice(task.batches(split, 8, Generator().manual_seed(0)), 1))
    if paths := read.paths():
        raise Broken(f"the task reads {', '.join(map(str, paths))}, and its spec has no fingerprint")


def is_silent(task: Task) -> bool:
    """Whether a task may read files that its spec does not state.

    The harness's own tasks without a fingerprint read nothing but what they have cached.
    """
    return task.spec.fingerprint is None and not type(task).__module__.startswith("bench.tasks.")
