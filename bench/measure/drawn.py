"""The batches that speed is measured over: as training draws them, and the longest of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch import Generator, Tensor

from bench.api import Batch, Task

_ALIKE, _RAGGED = 4, 32  # batches: of one shape, and of several
_MOST_BYTES = 2**28  # of ragged batches that are kept at once
_SEARCH = 2.0  # seconds


class Drawn(NamedTuple):
    """The first `batches` of training; and where their lengths differ the `longest` of a pass, else None."""

    batches: list[Batch]
    longest: Batch | None


def draw(task: Task, batch_size: int, clock: Callable[[], float] = time.perf_counter) -> Drawn:
    """Draw them in advance, so that the figures do not include the time to make data.

    The longest batch is looked for in one pass over the training split, for at most 2 seconds.
    """
    stream = task.batches("train", batch_size, Generator().manual_seed(0))
    first = list(itertools.islice(stream, _ALIKE))
    if not any(is_ragged(batch) or steps(batch) != steps(first[0]) for batch in first):
        return Drawn(first, None)
    batches: list[Batch] = []
    kept, longest, began = 0, first[0], clock()
    for batch in itertools.chain(first, stream):
        if len(batches) < _RAGGED and kept < _MOST_BYTES:
            batches.append(batch)
            kept += batch.inputs.nbytes + batch.targets.nbytes + batch.weight.nbytes
        longest = max(longest, batch, key=size)
        if clock() - began > _SEARCH:
            break
    return Drawn(batches, longest)


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
