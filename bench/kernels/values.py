"""Tensors of a traced step as rows of expressions: broadcasting, slicing and sums over their axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.kernels.expression import Graph, Node
from bench.kernels.step import Cannot, Segments, cut

__all__ = ["Value", "beside_lanes", "broadcast", "elementwise", "number", "reduced", "sliced"]

_MOST_PIECES = 64


@dataclass(frozen=True)
class Value:
    """A tensor: its shape, without the lanes' dimension where it has one, and its numbers in order."""

    shape: tuple[int, ...]
    row: Segments
    per_lane: bool

    def axis(self, dim: int) -> int:
        """A dimension of the tensor as an axis of `shape`; Cannot for that of the lanes."""
        dim %= len(self.shape) + self.per_lane
        if self.per_lane and dim == 0:
            raise Cannot("an operation goes over the lanes; a step computes each lane by itself")
        return dim - self.per_lane


def number(graph: Graph, value: float) -> Value:
    """A tensor of one number."""
    return Value((), ((graph.constant(value), 1),), False)


def elementwise(graph: Graph, op: str, *values: Value) -> Value:
    """An operation element by element, its arguments broadcast as in torch."""
    axes = max((len(value.shape) for value in values if value.per_lane), default=None)
    shapes = [value.shape if value.per_lane else beside_lanes(value.shape, axes) for value in values]
    shape = np.broadcast_shapes(*shapes)
    rows = [broadcast(graph, value.row, its, shape) for value, its in zip(values, shapes, strict=True)]
    return Value(shape, _aligned(graph, op, rows), any(value.per_lane for value in values))


def beside_lanes(shape: tuple[int, ...], axes: int | None) -> tuple[int, ...]:
    """The shape of a tensor without lanes beside one with lanes and so many `axes`: a first axis of length 1, which
    meets the lanes, is left out.
    """
    return shape[1:] if axes is not None and len(shape) == axes + 1 and shape[0] == 1 else shape


def _aligned(graph: Graph, op: str, rows: list[Segments]) -> Segments:
    """An operation on rows that may be cut at different places."""
    ends = sorted({end for row in rows for end in _ends(row)})
    found = []
    for start, end in pairwise([0, *ends]):
        parts = [cut(row, start, end - start, graph) for row in rows]
        found.append((graph.make(op, *(part[0][0] for part in parts)), end - start))
    return tuple(found)


def _ends(row: Segments) -> list[int]:
    ends, end = [], 0
    for _, span in row:
        end += span
        ends.append(end)
    return ends


def broadcast(graph: Graph, row: Segments, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Segments:
    """The row of a tensor of `shape` as one of the shape `wanted`."""
    shape = (1,) * (len(wanted) - len(shape)) + shape
    if shape == wanted:
        return row
    if math.prod(shape) == 1:
        return ((row[0][0], math.prod(wanted)),)
    if wanted[0] > _MOST_PIECES and (len(wanted) > 1 or shape[0] > 1):
        raise Cannot(
            f"a tensor of shape {list(shape)} is broadcast to {list(wanted)}, in more than {_MOST_PIECES} pieces"
        )
    size = math.prod(shape[1:])
    rows = [cut(row, i * size, size, graph) for i in range(shape[0])]
    if len(wanted) > 1:
        rows = [broadcast(graph, piece, shape[1:], wanted[1:]) for piece in rows]
    if shape[0] != wanted[0]:
        rows = rows * wanted[0]
    return tuple(segment for each in rows for segment in each)


def reduced(graph: Graph, value: Value, axes: Sequence[int], keep: bool) -> Value:
    """The sum of a value over axes of its shape."""
    row, shape = value.row, list(value.shape)
    for axis in sorted(axes, reverse=True):
        before, size, after = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
        if before > _MOST_PIECES or (size > _MOST_PIECES and after > 1):
            raise Cannot(f"a sum over axis {axis} of a tensor of shape {shape}, in more than {_MOST_PIECES} pieces")
        blocks = [cut(row, i * size * after, size * after, graph) for i in range(before)]
        row = tuple(segment for block in blocks for segment in _total(graph, block, size, after))
        shape[axis] = 1
    if not keep:
        shape = [size for axis, size in enumerate(shape) if axis not in axes]
    return Value(tuple(shape), row, value.per_lane)


def _total(graph: Graph, block: Segments, size: int, after: int) -> Segments:
    """The sum of `size` rows of `after` numbers each, one after the other in a block."""
    if after == 1:
        return ((graph.total(_over_units(graph, node, span) for node, span in block), 1),)
    total, *others = (cut(block, j * after, after, graph) for j in range(size))
    for row in others:
        total = _aligned(graph, "add", [total, row])
    return total


def _over_units(graph: Graph, node: Node, span: int) -> Node:
    return graph.mul(node, graph.constant(span)) if node.width == 1 else graph.sum(node)


def sliced(graph: Graph, value: Value, axis: int, start: int, length: int, drop: bool = False) -> Value:
    """A part of a value along an axis, which a part of length 1 may `drop`."""
    before, size, after = math.prod(value.shape[:axis]), value.shape[axis], math.prod(value.shape[axis + 1 :])
    if before > _MOST_PIECES:
        raise Cannot(f"a slice of a tensor of shape {list(value.shape)}, in more than {_MOST_PIECES} pieces")
    pieces = [cut(value.row, (i * size + start) * after, length * after, graph) for i in range(before)]
    shape = (*value.shape[:axis], *(() if drop else (length,)), *value.shape[axis + 1 :])
    return Value(shape, tuple(segment for piece in pieces for segment in piece), value.per_lane)
