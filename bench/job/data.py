"""A task with the hash of its data: the fingerprint in its spec, else the contents of the files that it reads."""

from __future__ import annotations

from pathlib import Path

from torch import Generator

from bench.api import Task
from bench.config.schema import Config
from bench.job.build import build_task
from bench.results.reads import FilesRead

_OURS = "bench.tasks."


def open_task(config: Config) -> tuple[Task, str | None]:
    """The task of `config`, and the hash of its data; None where the data are generated."""
    read = FilesRead()
    with read:
        task = build_task(config.task)
        if _is_silent(task):  # it may read its files with the first batch only
            next(task.batches("train", config.batch_size, Generator()), None)
    return task, data_hash(task, read)


def data_hash(task: Task, read: FilesRead) -> str | None:
    """The hash of the task's data; None where it is generated. `read` has watched the constructor and a batch."""
    return read.fingerprint() if _is_silent(task) else task.spec.fingerprint


def unstated(task: Task, read: FilesRead) -> list[Path]:
    """The files that the task reads although its spec has no fingerprint."""
    return read.paths() if _is_silent(task) else []


def _is_silent(task: Task) -> bool:
    """Whether the task may read files unsaid. The harness's own, without a fingerprint, read only what they cached."""
    return task.spec.fingerprint is None and not type(task).__module__.startswith(_OURS)
