"""The batches that speed is measured over: as training draws them, and the longest of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

from torch import Generator, Tensor

from bench.api import Batch, Task

_ALIKE, _RAGGED = 4, 32  # batches: of one shape, and of several
_MOST_BYTES = 2**28  # of ragged batches that are kept at once
_SEARCH = 2.0  # seconds


def stream(task: Task, batch_size: int) -> Iterator[Batch]:
    """A pass over the training split, the same each time."""
    return task.batches("train", batch_size, Generator().manual_seed(0))


def draw(task: Task, batch_size: int) -> list[Batch]:
    """The first batches of training, drawn in advance, so that the figures do not include the time to make data.

    They are 4; where those differ in length, as many of the first 32 as begin within 256 MiB.
    """
    batches = stream(task, batch_size)
    first = list(itertools.islice(batches, _ALIKE))
    if not _differ(first):
        return first
    kept: list[Batch] = []
    room = _MOST_BYTES
    for batch in itertools.islice(itertools.chain(first, batches), _RAGGED):
        if room <= 0:
            break
        kept.append(batch)
        room -= batch.inputs.nbytes + batch.targets.nbytes + batch.weight.nbytes
    return kept


def longest(task: Task, batch_size: int, clock: Callable[[], float] = time.perf_counter) -> Batch | None:
    """The longest batch of a pass over the training split, searched for 2 seconds at most; None where the first
    batches do not differ in length.
    """
    batches = stream(task, batch_size)
    first = list(itertools.islice(batches, _ALIKE))
    if not _differ(first):
        return None
    found, began = first[0], clock()
    for batch in itertools.chain(first, batches):
        found = max(found, batch, key=size)
        if clock() - began > _SEARCH:
            break
    return found


def _differ(batches: list[Batch]) -> bool:
    """Whether batches, or lanes within one, differ in their time steps."""
    return any(is_ragged(batch) or steps(batch) != steps(batches[0]) for batch in batches)


def is_ragged(batch: Batch) -> bool:
    """Whether lanes of the batch differ in their real time steps."""
    return batch.lengths is not None


def steps(batch: Batch) -> int:
    """The padded time steps of a batch, those of its inputs and of its targets added up."""
    return len(batch.inputs) + len(batch.targets)


def size(batch: Batch) -> tuple[int, int]:
    """What the length of a batch is compared by: its padded time steps over all lanes, then its real ones."""
    return steps(batch) * len(batch.fresh), batch.tokens


def prompts(batches: list[Batch]) -> Iterator[Tensor]:
    """The inputs `[T, 1]` or `[T, 1, F]` of a lane of each batch in turn, without padding, for ever."""
    for batch in itertools.cycle(batches):
        real = len(batch.inputs) if batch.lengths is None else int(batch.lengths[0])
        yield batch.inputs[:real, :1]
