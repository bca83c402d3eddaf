"""The largest batches of a stream: one of them takes the most memory of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.api import Batch

_MOST = 3

_Shape = tuple[int, int, int]
"""Time steps to read, time steps to write, lanes."""


class Largest:
    """The largest of the batches that were looked at, the one with the most positions first: at most three.

    A batch that another one covers in time steps to read, in time steps to write and in lanes is left out: it needs no
    more memory.
    """

    def __init__(self, batches: Iterable[Batch] = ()) -> None:
        self._found: dict[_Shape, Batch] = {}
        for batch in batches:
            self.look(batch)

    def look(self, batch: Batch) -> bool:
        """Keep the batch, unless those that are kept already are larger; whether it is kept."""
        shape = len(batch.inputs), len(batch.targets), len(batch.fresh)
        for other in self._found:
            if _covers(other, shape):
                return False
        found = {shape: batch, **{other: each for other, each in self._found.items() if not _covers(shape, other)}}
        largest = sorted(found, key=_positions, reverse=True)[:_MOST]
        self._found = {each: found[each] for each in largest}
        return shape in self._found

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._found.values())


def _covers(shape: _Shape, other: _Shape) -> bool:
    return shape[0] >= other[0] and shape[1] >= other[1] and shape[2] >= other[2]


def _positions(shape: _Shape) -> int:
    return (shape[0] + shape[1]) * shape[2]
