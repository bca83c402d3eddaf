"""`bench fetch`: build a task, which downloads and prepares its data, and say what it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from torch import Generator

from bench.api import Split, Task
from bench.config.compose import compose
from bench.config.options import Options
from bench.config.tree import require_all
from bench.errors import ConfigError, did_you_mean
from bench.job.build import build_task

USAGE = """\
Usage: python -m bench fetch task=NAME [task.OPTION=VALUE ...]            fetch and prepare a task's data
       python -m bench fetch +experiment=NAME [task.OPTION=VALUE ...]     those of an experiment's task

Runs of the same options then need no network: what comes from the hub lies in its own cache (HF_HOME), prepared data
in the folder BENCH_CACHE. Files of yours are read where they are.
"""

_MOST = 2000  # batches of a split that are counted; a generated train split has no end
_BATCH = 64


def run(arguments: list[str]) -> int:
    """Build the task that `arguments` name and print what it is; raises ConfigError or DataError in one line."""
    if not arguments or {"-h", "--help"} & {*arguments}:
        print(USAGE)
        return 0
    known = ["task=NAME", "task.OPTION=VALUE", "+experiment=NAME"]
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        if not equals or not (key.lstrip("+") in ("task", "experiment") or key.lstrip("+").startswith("task.")):
            raise ConfigError(
                f"{argument}: bench fetch takes {', '.join(known)}{did_you_mean(key, ('task', 'experiment'))}"
            )
    _fetch(compose(arguments))
    return 0


def _fetch(options: Options) -> None:
    """Build the task and print the facts."""
    began = time.perf_counter()
    require_all(options.tree)
    with _notes() as notes:
        task = build_task(options.config.task)
    print(task.spec.id)
    for name, value in _facts(task).items():
        print(f"  {name:<13}{value}")
    for note in dict.fromkeys(notes):
        print(f"  {note}")
    print(f"ready after {time.perf_counter() - began:.1f} s")


@contextmanager
def _notes() -> Iterator[list[str]]:
    """What is logged meanwhile, as lines: where prepared data lies, what was left out, and the like."""
    notes: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("bench")
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    try:
        yield notes
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def _facts(task: Task) -> dict[str, str]:
    spec, metric = task.spec, task.spec.metric
    beat = ", ".join(f"{name} {score:.4g}" for name, score in {"chance": metric.chance, **metric.baselines}.items())
    return {
        "source": spec.source,
        "licence": spec.licence,
        "fingerprint": spec.fingerprint or "none: generated",
        "inputs": f"{type(spec.inputs).__name__.lower()}, {spec.inputs.size}",
        "to beat": f"{beat} ({metric.name}, {metric.direction})",
        **{split: _size(task, split) for split in ("train", "valid", "test")},
    }


def _size(task: Task, split: Split) -> str:
    """Lanes, time steps and scored positions of a pass over a split, as far as it is counted."""
    lanes = steps = scored = 0
    batches = iter(task.batches(split, _BATCH, Generator().manual_seed(0)))
    for batch in islice(batches, _MOST):
        lanes, steps = lanes + len(batch.fresh), steps + batch.tokens
        scored += int((batch.weight > 0).sum())
    if next(batches, None) is not None:
        return f"more than {lanes:,} sequences"
    return f"{lanes:,} sequences, {steps:,} time steps, {scored:,} scored" if lanes else "empty"
