"""Facts about a task, in words for people: its source, its scale and the size of its splits."""

from __future__ import annotations

from itertools import islice

from torch import Generator

from bench.api import Split, Task

_MOST = 2000  # batches of a split that are counted; a generated train split has no end
_BATCH = 64


def task_facts(task: Task) -> dict[str, str]:
    """The facts by name, a note a line. Counting the splits reads up to 2000 batches of each."""
    spec, metric = task.spec, task.spec.metric
    beat = ", ".join(f"{name} {score:.4g}" for name, score in {"chance": metric.chance, **metric.baselines}.items())
    return {
        "source": spec.source,
        "licence": spec.licence,
        "fingerprint": spec.fingerprint or "none: generated",
        "inputs": f"{type(spec.inputs).__name__.lower()}, {spec.inputs.size}",
        **({"read as": "\n".join(spec.notes)} if spec.notes else {}),
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
