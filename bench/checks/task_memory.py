"""The law of a task's memory: it does not grow with the number of batches."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from torch import Generator, Tensor

from bench.api import Batch
from bench.checks.law import Broken, law
from bench.checks.task_probe import TaskProbe

_STRETCHES, _SAMPLES = 3, 4  # equal stretches of batches, and levels of memory measured in each
_LEAST, _SHARE = 32 * 1024, 0.05  # growth to tolerate: in bytes, and as a share of all that was yielded


@law("keep no list or table that grows with the number of batches, and no batch after yielding it")
def memory_is_flat(probe: TaskProbe) -> None:
    """Memory does not grow over 10,000 batches of train (in several passes, if train is shorter). Buffers may fill and
    empty: of three equal stretches, the lowest levels in the second and the third are compared.
    """
    if not probe.batches("train", 1, batch_size=2):
        raise Broken("train is empty")

    def endless() -> Iterator[Batch]:
        generator = Generator().manual_seed(0)
        while True:
            yield from probe.task.batches("train", 2, generator)

    between = -(-probe.memory_batches // (_STRETCHES * _SAMPLES))  # batches from one level to the next
    batches, levels, yielded = endless(), [], 0
    with _tracing() as older:
        for _ in islice(batches, _SAMPLES * between):  # until buffers have been filled more than once
            pass
        for _ in range((_STRETCHES - 1) * _SAMPLES):
            yielded = sum(batch.inputs.nbytes + batch.targets.nbytes for batch in islice(batches, between))
            levels.append(_held(older))
    grown = min(levels[_SAMPLES:]) - min(levels[:_SAMPLES])
    if grown > max(_LEAST, _SHARE * yielded * _SAMPLES):
        raise Broken(f"memory grows by {grown / 1024:,.0f} KiB in {_SAMPLES * between} batches")


@contextmanager
def _tracing() -> Iterator[list[Tensor]]:
    """Trace Python's memory; yield the tensors that exist already, since the task may enlarge them.

    Objects from before the trace are hidden from the garbage collector, which would otherwise visit all of them at each
    measurement and take far longer than the batches. Where whoever runs this has hidden objects before, all stay so.
    """
    gc.collect()
    older = _tensors()
    hidden = gc.get_freeze_count()
    gc.freeze()
    tracemalloc.start()
    try:
        yield older
    finally:
        tracemalloc.stop()
        if not hidden:
            gc.unfreeze()


def _held(older: list[Tensor]) -> int:
    """The bytes in use by Python, numpy and tensors, including tensors `older` than the trace."""
    gc.collect()
    storages = [tensor.untyped_storage() for tensor in (*older, *_tensors())]
    held = {storage.data_ptr(): storage.nbytes() for storage in storages}
    return tracemalloc.get_traced_memory()[0] + sum(held.values())


def _tensors() -> list[Tensor]:
    return [thing for thing in gc.get_objects() if type(thing) is Tensor]
