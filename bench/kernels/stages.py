"""The order of a program's work: stages between products over all lanes, passes between sums over the units of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.kernels.expression import Array, Node, walk
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Multiply, Program, Store

__all__ = ["Pass", "Stage", "StageInPrint", "staged"]

Place = tuple[int, int]
"""A stage, and a pass in it."""


@dataclass
class Pass:
    """One pass over the units of a lane: what it stores, and the nodes that it adds up over its units."""

    stores: list[Store] = field(default_factory=list)
    sums: list[Node] = field(default_factory=list)


@dataclass
class Stage:
    """Products of all lanes at once, then passes over each lane."""

    multiplies: list[Multiply]
    passes: list[Pass]


class StageInPrint:
    """A stage whose passes are printed one after the other: `now` is the one that is, `scalars` are the variables that
    there are by then.
    """

    def __init__(self, passes: list[Pass], kept: dict[Node, Store]) -> None:
        self.passes, self.kept, self.now = passes, kept, Pass()
        self.scalars: dict[Node, str] = {}

    def read(self, roots: list[Node]) -> Iterator[Node]:
        """The nodes to compute for the roots, those that are in memory without what they were made of."""
        return walk(roots, lambda node: node not in self.scalars and not self.is_elsewhere(node))

    def is_elsewhere(self, node: Node) -> bool:
        """Whether a node was computed in an earlier pass and stored."""
        return node in self.kept and all(store.node is not node for store in self.now.stores)


def staged(program: Program) -> tuple[list[Stage], dict[Node, Store]]:
    """The stages of a program, and where a later pass finds the results of an earlier one that it does not make again.

    These are sums and what is costly to compute.
    """
    places, ready = _places(program)
    found = _kept(program, places)
    stores = list(dict.fromkeys([*program.stores, *found.values()]))
    stages = [Stage([], []) for _ in range(1 + max(stage for stage, _ in places.values()))]

    def at(place: Place) -> Pass:
        passes = stages[place[0]].passes
        while len(passes) <= place[1]:
            passes.append(Pass())
        return passes[place[1]]

    for store in stores:
        at(places[store.node]).stores.append(store)
    for node in walk([store.node for store in stores]):
        if node.op == "sum":
            at(places[node.args[0]]).sums.append(node)
    for multiply in program.multiplies:
        if not multiply.is_last:
            stages[ready[multiply.out]].multiplies.append(multiply)
    return stages, found


def _places(program: Program) -> tuple[dict[Node, Place], dict[Array, int]]:
    """The first stage and pass in which each node can be computed, and the stage that begins with each product."""
    places: dict[Node, Place] = {}
    ready: dict[Array, int] = {}
    roots = [store.node for store in program.stores]

    def visit(nodes: list[Node]) -> None:
        for node in walk(nodes, lambda node: node not in places):
            if node in places:
                continue
            if node.op == "load":
                places[node] = (ready.get(node.value[0], 0), 0)
            else:
                places[node] = max(
                    ((s, p + (arg.op == "sum")) for arg in node.args for s, p in [places[arg]]), default=(0, 0)
                )

    for multiply in program.multiplies:
        if multiply.is_last:
            continue
        operands = [store.node for store in program.stores if store.array == multiply.source]
        visit(operands)
        ready[multiply.out] = 1 + max(places[node][0] for node in operands) if operands else 0
    visit(roots)
    return places, ready


def _kept(program: Program, places: dict[Node, Place]) -> dict[Node, Store]:
    """The nodes that a later pass needs and that are not to be computed again, with where they are stored.

    A node that the program stores in any case is found there; others have an array of their own.
    """
    roots = [store.node for store in program.stores]
    stored = {s.node: s for s in program.stores if s.span == s.node.width and s.array.per_lane}
    targets = [(places[root], root) for root in roots]
    targets += [(places[node.args[0]], node.args[0]) for node in walk(roots) if node.op == "sum"]
    kept: dict[Node, Store] = {}
    for place, root in targets:  # which grow: what is kept reads in its turn
        for node in _read_at(root, place, places):
            if node not in kept:
                targets.append((places[node], node))
                kept[node] = stored.get(node) or Store(Array("scratch", len(kept), node.width), 0, node.width, node)
    return kept


def _read_at(root: Node, place: Place, places: dict[Node, Place]) -> Iterator[Node]:
    """The nodes computed in an earlier pass that the one at `place` would have to read for `root`."""

    def is_early(node: Node) -> bool:
        if node.op == "sum":
            return places[node][0] < place[0]  # within a stage a sum stays in a variable
        if node.op in ("load", "constant") or (node.width == 1 and places[node][0] == place[0]):
            return False
        return places[node] < place and OPERATIONS[node.op].costly

    for node in walk([root], lambda node: not is_early(node) and (node.op != "sum" or places[node][0] < place[0])):
        if node is not root and is_early(node):
            yield node
