"""One time step of a recurrence as a kernel has it: what it reads, its products, and what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.kernels.expression import Array, Graph, Node, walk
from bench.kernels.hoisted import Hoisted

__all__ = ["Cannot", "Product", "Segments", "Step", "cut", "operands_first"]

Segments = tuple[tuple[Node, int], ...]
"""The numbers of a lane, in order: nodes and how many units each is for; a node of width 1 repeats in all of them."""


class Cannot(Exception):
    """The step cannot be made a kernel; the message says which operation is in the way, and what to write instead."""


@dataclass(frozen=True)
class Product:
    """`out = operand @ matrix.T` in every lane, of the matrix `[N, K]` with this number.

    Where `out` is an input, the product is added to it: the step reads nothing but their sum.
    """

    number: int
    operand: Segments
    out: Array

    @property
    def state(self) -> Array | None:
        """The state that the operand is as a whole; None where it is anything else."""
        (node, span), *others = self.operand
        if not others and node.op == "load" and node.value[0].kind == "state" and node.value[0].width == span:
            array: Array = node.value[0]
            return array
        return None


@dataclass(frozen=True)
class Step:
    """A step from `inputs` and `states` to `new` states and an output `y`.

    `hoisted` computes from all inputs `[T, B, F]` and the parameters by name what the loop over time reads: inputs
    `[T, B, N]`, weights `[N]` and matrices `[N, K]`, in torch, so that gradients go on through it. Inputs that are maps
    of x are made by the third argument, `torch.nn.functional.linear` or what takes its place.
    """

    graph: Graph
    inputs: list[Array]
    states: list[Array]
    weights: list[Array]
    products: list[Product]
    new: list[Segments]
    y: Segments
    owned: frozenset[Array]
    """The inputs made for the loop alone, as products of x are, which may write over them; x itself is not."""
    draws: bool
    """Whether some of the inputs are random numbers."""
    hoisted: Hoisted

    @property
    def roots(self) -> list[Node]:
        """What the step makes."""
        return [node for row in (*self.new, self.y) for node, _ in row]

    @property
    def output(self) -> int | None:
        """The number of the new state that the output is; None where it is none of them."""
        return next((number for number, row in enumerate(self.new) if row == self.y), None)

    @property
    def owned_inputs(self) -> list[Array]:
        """The owned inputs, in order."""
        return [array for array in self.inputs if array in self.owned]


def places(segments: Segments) -> Iterator[tuple[Node, int, int]]:
    """Each node with the number of its units and the unit that it begins at."""
    offset = 0
    for node, span in segments:
        yield node, span, offset
        offset += span


def cut(segments: Segments, offset: int, length: int, graph: Graph) -> Segments:
    """`length` units from unit `offset` on."""
    found = []
    for node, span, start in places(segments):
        first, last = max(offset, start), min(offset + length, start + span)
        if first < last:
            part = node if node.width == 1 else graph.narrow(node, first - start, last - first)
            found.append((part, last - first))
    return tuple(found)


def operands_first(step: Step, roots: Sequence[Node]) -> list[Node]:
    """The nodes that the roots depend on, also through products, each after what it is computed from."""
    operands = {product.out: [node for node, _ in product.operand] for product in step.products}
    order: dict[Node, None] = {}

    def visit(nodes: Sequence[Node]) -> None:
        for node in walk(nodes, lambda node: node not in order):
            if node in order:
                continue
            if node.op == "load":
                visit(operands.get(node.value[0], []))
            order[node] = None

    visit(roots)
    return list(order)
