"""A task with the hash of its data: the fingerprint in its spec, else the contents of the files that it reads."""

from __future__ import annotations

from pathlib import Path

from bench.api import Task
from bench.checks.quick_task import quick_check_task
from bench.checks.task_files import is_silent
from bench.config.schema import Config
from bench.job.build import build_task
from bench.results.reads import FilesRead


def open_task(config: Config) -> tuple[Task, str | None]:
    """The task of `config`, and the hash of its data; None where the data are generated."""
    read = FilesRead()
    with read:
        task = build_task(config.task, config.seeds.split)
        if is_silent(task):  # it may read its files with the first batches only, as before the run
            quick_check_task(task, config.batch_size)
    return task, data_hash(task, read)


def data_hash(task: Task, read: FilesRead) -> str | None:
    """The hash of the task's data; None where it is generated. `read` has watched its first batches too."""
    return read.fingerprint() if is_silent(task) else task.spec.fingerprint


def unstated(task: Task, read: FilesRead) -> list[Path]:
    """The files that the task reads although its spec has no fingerprint."""
    return read.paths() if is_silent(task) else []
