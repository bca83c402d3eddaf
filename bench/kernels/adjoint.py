"""The backward pass of a step: the gradients of all that it reads from those of all that it makes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from bench.kernels.expression import Array, Graph, Node, walk
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Multiply, Program, Store
from bench.kernels.saved import Saved, saved
from bench.kernels.step import Segments, Step, operands_first, places

__all__ = ["Backward", "backward"]


@dataclass(frozen=True)
class Backward:
    """The backward pass, what it needs of the forward pass, and where a weight's gradient is that of a row.

    `summed` has for a weight that is only added to a row the gradient of that row, which sums up to that of the weight,
    and for one that has the gradient of another weight that gradient.
    """

    program: Program
    saved: Saved
    summed: dict[Array, Array]


def backward(step: Step) -> Backward:
    """The backward pass of a step."""
    gradients = _gradients(step)
    kept = saved(step, [node for parts in gradients.values() for _, _, node in parts])
    rows = _rows(step, {array: _with(parts, kept, step.graph) for array, parts in gradients.items()})
    multiplies = _multiplies(step, rows)
    summed = _summed(step, rows)
    for state in step.states:
        if state not in rows and all(multiply.out != _d(state) for multiply in multiplies):
            rows[state] = [(0, state.width, step.graph.constant(0))]
    stores = [Store(_d(array), *part) for array, parts in rows.items() for part in parts]
    return Backward(Program(stores, multiplies), kept, summed)


Parts = list[tuple[int, int, Node]]
"""Gradients of an array: offset, span and node."""


def _rows(step: Step, gradients: dict[Array, Parts]) -> dict[Array, Parts]:
    """The gradients of all that the step reads, in parts that do not overlap; of a row for each lane in full, with
    zeros where it reads nothing.
    """
    products = (product.out for product in step.products)
    rows = {}
    for array in dict.fromkeys([*step.inputs, *step.weights, *products, *step.states]):
        parts = _refined(gradients.get(array, []), step.graph)
        if parts or array.kind in ("input", "weight"):
            rows[array] = _filled(parts, array.width, step.graph) if array.per_lane else parts
    return rows


def _multiplies(step: Step, rows: dict[Array, Parts]) -> list[Multiply]:
    """The products of the backward pass, the last of the step first.

    Where the gradient of a product is that of an input, its row is left out, and read as the input's.
    """
    multiplies = []
    for product in reversed([product for product in step.products if product.out in rows]):
        same = next((array for array in step.inputs if rows[array] == rows[product.out]), product.out)
        if same != product.out:
            del rows[product.out]
        if (state := product.state) is not None:
            multiplies.append(Multiply(product.number, _d(same), _d(state), backward=True, adds=True))
        else:
            out = Array("doperand", product.number, sum(span for _, span in product.operand))
            multiplies.append(Multiply(product.number, _d(same), out, backward=True))
    return multiplies


def _summed(step: Step, rows: dict[Array, Parts]) -> dict[Array, Array]:
    """The weights whose gradient is that of an input, a product or another weight, with that gradient; their rows are
    left out.
    """
    summed = {}
    for weight in step.weights:
        same = (array for array in rows if rows[array] == rows[weight] and array != weight)
        by_kind = {array.kind: array for array in same}
        if (row := by_kind.get("input") or by_kind.get("product") or by_kind.get("weight")) is not None:
            summed[weight] = _d(row)
            del rows[weight]
    return summed


def _d(array: Array) -> Array:
    """The gradient of an array."""
    return Array(f"d{array.kind}", array.number, array.width, array.per_lane)


def _filled(parts: Parts, width: int, g: Graph) -> Parts:
    """The parts and, where there are none, zeros."""
    found, end = [], 0
    for offset, span, node in parts:
        if offset > end:
            found.append((end, offset - end, g.constant(0)))
        found.append((offset, span, node))
        end = offset + span
    return found + ([(end, width - end, g.constant(0))] if end < width else [])


def _gradients(step: Step) -> dict[Array, Parts]:
    """The gradients of all arrays that the step reads, a part for each place that reads it."""
    g = step.graph
    of: defaultdict[Node, list[Node]] = defaultdict(list)
    found: defaultdict[Array, Parts] = defaultdict(list)

    def give(row: Segments, array: Array) -> None:
        for node, span, offset in places(row):
            dy = g.load(array, offset, span)
            of[node].append(g.sum(dy) if node.width == 1 else dy)

    for j, row in enumerate(step.new):
        give(row, Array("dnext", j, step.states[j].width))
    give(step.y, Array("dy", 0, sum(span for _, span in step.y)))
    order = operands_first(step, step.roots)
    apart = {product.out: product for product in step.products if product.state is None}
    for node in reversed(order):  # every read of a product comes before what the product is of
        if node.op == "constant" or not of[node]:
            continue
        dy = g.total(of[node])
        if node.op == "load":
            array, offset = node.value
            found[array].append((offset, node.width, dy))
            if (product := apart.pop(array, None)) is not None:
                give(product.operand, Array("doperand", product.number, sum(span for _, span in product.operand)))
            continue
        pulled = (dy,) if node.op == "sum" else OPERATIONS[node.op].pull(g, node, dy)
        for arg, darg in zip(node.args, pulled, strict=True):
            if darg is not None and arg.op != "constant":
                of[arg].append(_over_units(g, darg, node.width) if arg.width == 1 else darg)
    return dict(found)


def _over_units(g: Graph, d: Node, width: int) -> Node:
    """The gradient of a number that is the same for so many units, from theirs; they may be one number, too."""
    return g.mul(d, g.constant(width)) if d.width < width else g.sum(d)


def _refined(parts: Parts, g: Graph) -> Parts:
    """The sum of gradients of overlapping parts of an array, as parts that do not overlap.

    What is made again is narrowed with them; what the forward pass keeps is not, and so is to be in its place by now.
    """
    ends = sorted({end for offset, span, _ in parts for end in (offset, offset + span)})
    refined = []
    for start, end in pairwise(ends):
        pieces = [
            node if node.width == 1 else g.narrow(node, start - offset, end - start)
            for offset, span, node in parts
            if offset <= start and end <= offset + span
        ]
        if pieces:
            refined.append((start, end - start, g.total(pieces)))
    return refined


def _with(parts: Parts, kept: Saved, g: Graph) -> Parts:
    """The parts of a gradient made of what was saved."""
    known: dict[Node, Node] = dict(kept.nodes)
    for node in walk([node for _, _, node in parts], lambda node: node not in known):
        if node not in known:
            args = tuple(known[arg] for arg in node.args)
            known[node] = node if args == node.args else g.make(node.op, *args)
    return [(offset, span, known[node]) for offset, span, node in parts]
