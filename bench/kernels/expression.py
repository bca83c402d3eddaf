"""Expressions of one time step, element by element: what a kernel computes for each unit of each lane.

An expression is a graph of nodes. A node has a number for each of its `width` units, in each lane or the same in all of
them. A node of width 1 is one number, the same for all units of a node that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Array", "Graph", "Node", "Row", "walk"]


@dataclass(frozen=True)
class Array:
    """Numbers in memory that a kernel reads or writes: `width` in each lane, or the same for all lanes.

    `kind` says what they are in the step: an `input`, a `state`, a `product`, a `weight`; `number` says which one.
    """

    kind: str
    number: int
    width: int
    per_lane: bool = True

    @cached_property
    def name(self) -> str:
        return f"{self.kind}{self.number}"

    @property
    def is_over_time(self) -> bool:
        """Whether it has numbers for each time step; states have them too, and one more for the start."""
        return self.kind in ("input", "y", "operand", "saved", "dinput", "dproduct", "dy")

    def shape(self, T: int, B: int) -> tuple[int, ...]:
        """Its shape in memory over T steps of B lanes."""
        if self.kind == "state":
            return T + 1, B, self.width
        lanes = (B, self.width) if self.per_lane else (self.width,)
        return (T, *lanes) if self.is_over_time else lanes


@dataclass(frozen=True, eq=False)
class Node:
    """An operation on nodes. `value` is the number of a constant, or array and offset of a load.

    `order` counts the nodes of a graph, so that the same step always gives the same code.
    """

    op: str
    args: tuple[Node, ...]
    width: int
    per_lane: bool
    value: Any
    order: int


Row = tuple[Node, ...]
"""Nodes side by side: all numbers of a lane, in order."""


class Graph:
    """Makes nodes: the same object for the same operation, and none for arithmetic with 0, 1 or constants alone."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self._narrowed: dict[tuple[Node, int, int], Node] = {}

    def node(self, op: str, *args: Node) -> Node:
        """The node of an operation on nodes whose widths are equal or 1."""
        width = max(arg.width for arg in args)
        assert all(arg.width in (1, width) for arg in args), (op, [arg.width for arg in args])
        return self._node(op, args, width, any(arg.per_lane for arg in args), None)

    def _node(self, op: str, args: tuple[Node, ...], width: int, per_lane: bool, value: Any) -> Node:
        key = (op, args, width, value)
        if key not in self._known:
            self._known[key] = Node(op, args, width, per_lane, value, len(self._known))
        return self._known[key]

    def constant(self, value: float) -> Node:
        return self._node("constant", (), 1, False, float(value))

    def load(self, array: Array, offset: int = 0, width: int | None = None) -> Node:
        """`width` numbers of an array from `offset` on, by default all that follow."""
        return self._node("load", (), width or array.width - offset, array.per_lane, (array, offset))

    def sum(self, a: Node) -> Node:
        """The sum over the units of a node, one number for each lane."""
        return a if a.width == 1 else self._node("sum", (a,), 1, a.per_lane, None)

    def add(self, a: Node, b: Node) -> Node:
        if _is(a, 0) and b.width >= a.width:
            return b
        if _is(b, 0) and a.width >= b.width:
            return a
        if b.op == "neg":
            return self.sub(a, b.args[0])
        return self._folded("add", a, b) or self.node("add", a, b)

    def sub(self, a: Node, b: Node) -> Node:
        if _is(b, 0):
            return a
        if _is(a, 0):
            return self.neg(b)
        if b.op == "neg":
            return self.add(a, b.args[0])
        return self._folded("sub", a, b) or self.node("sub", a, b)

    def mul(self, a: Node, b: Node) -> Node:
        for one, other in ((a, b), (b, a)):
            if _is(one, 0):
                return one
            if _is(one, 1):
                return other
            if _is(one, -1):
                return self.neg(other)
        return self._folded("mul", a, b) or self.node("mul", a, b)

    def div(self, a: Node, b: Node) -> Node:
        if _is(a, 0) or _is(b, 1):
            return a
        return self.mul(a, self.constant(1 / b.value)) if b.op == "constant" and b.value else self.node("div", a, b)

    def neg(self, a: Node) -> Node:
        if a.op == "constant":
            return self.constant(-a.value)
        return a.args[0] if a.op == "neg" else self.node("neg", a)

    def _folded(self, op: str, a: Node, b: Node) -> Node | None:
        if a.op != "constant" or b.op != "constant":
            return None
        return self.constant({"add": a.value + b.value, "sub": a.value - b.value, "mul": a.value * b.value}[op])

    def make(self, op: str, *args: Node) -> Node:
        """The node of an operation by its name, simplified where it can be."""
        simple = _SIMPLIFIED.get(op)
        return self.node(op, *args) if simple is None else simple(self, *args)

    def total(self, parts: Iterable[Node]) -> Node:
        """The sum of nodes; 0 of none."""
        result = self.constant(0)
        for part in parts:
            result = self.add(result, part)
        return result

    def narrow(self, whole: Node, offset: int, width: int) -> Node:
        """The part of a node from unit `offset` on: its operation on the same part of what it reads."""
        if whole.width == 1 or (offset, width) == (0, whole.width):
            return whole
        if whole.op == "load":
            array, start = whole.value
            return self.load(array, start + offset, width)
        key = (whole, offset, width)
        if key not in self._narrowed:
            parts = tuple(self.narrow(arg, offset, width) for arg in whole.args)
            self._narrowed[key] = self._node(whole.op, parts, width, whole.per_lane, whole.value)
        return self._narrowed[key]


_SIMPLIFIED: dict[str, Callable[..., Node]] = {
    "add": Graph.add, "sub": Graph.sub, "mul": Graph.mul, "div": Graph.div, "neg": Graph.neg, "sum": Graph.sum
}  # fmt: skip


def _is(node: Node, value: float) -> bool:
    return node.op == "constant" and node.value == value


def walk(roots: Sequence[Node], enters: Callable[[Node], bool] = lambda node: True) -> Iterator[Node]:
    """Every node that the roots read, once, each after what it reads; nothing more of one that it does not enter."""
    seen: set[Node] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, is_ready = stack.pop()
        if is_ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if enters(node):
                stack += [(arg, False) for arg in reversed(node.args)]
