"""The law of a task's memory: iterating holds on to nothing."""

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
_LEAST, _SHARE = 32 * 1024, 0.05  # what is no growth: bytes, and a share of all that was yielded


@law("keep no batch, sequence or count that grows while iterating")
def memory_is_flat(probe: TaskProbe) -> None:
    """Over 10,000 batches of train, in several passes where need be, what is held does not grow. A buffer that fills
    and empties is no growth: of three stretches alike, the lowest levels of the second and the third are compared.
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
        raise Broken(f"{_SAMPLES * between} batches on, {grown / 1024:,.0f} KiB more are held")


@contextmanager
def _tracing() -> Iterator[list[Tensor]]:
    """Trace Python's memory; yield the tensors that are there already, which the task may enlarge.

    All other objects of the process are put out of the collector's sight meanwhile: it would walk over all of them for
    each level, which takes far longer than the batches do.
    """
    gc.collect()
    older = _tensors()
    gc.freeze()
    tracemalloc.start()
    try:
        yield older
    finally:
        tracemalloc.stop()
        gc.unfreeze()


def _held(older: list[Tensor]) -> int:
    """Bytes that Python, numpy and tensors hold, of those `older` than the trace as well."""
    gc.collect()
    storages = [tensor.untyped_storage() for tensor in (*older, *_tensors())]
    held = {storage.data_ptr(): storage.nbytes() for storage in storages}
    return tracemalloc.get_traced_memory()[0] + sum(held.values())


def _tensors() -> list[Tensor]:
    return [thing for thing in gc.get_objects() if type(thing) is Tensor]
