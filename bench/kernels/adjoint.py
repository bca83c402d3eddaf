"""The backward pass of a step: the gradients of all that it reads from those of all that it makes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from bench.kernels.expression import Array, Graph, Node, walk
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Multiply, Program, Store
from bench.kernels.stages import staged
from bench.kernels.step import Segments, Step, operands_first

__all__ = ["Backward", "Saved", "backward", "forward"]


@dataclass(frozen=True)
class Saved:
    """Nodes of the forward pass that the backward pass reads.

    `nodes` has for each the load that takes its place: from a state, from an input that was read by then, or from an
    array `saved`, in which they lie side by side. `stores` puts them there.
    """

    nodes: dict[Node, Node]
    stores: list[Store]


def forward(step: Step, saved: Saved | None) -> Program:
    """The forward pass, with what the backward pass needs if it is `saved`."""
    stores = [store for j, row in enumerate(step.new) for store in _stores(Array("next", j, step.states[j].width), row)]
    if step.output is None:
        stores += _stores(Array("y", 0, sum(span for _, span in step.y)), step.y)
    multiplies = []
    for product in step.products:
        source = product.state
        if source is None:
            source = Array("operand", product.number, sum(span for _, span in product.operand))
            stores += _stores(source, product.operand)
        multiplies.append(Multiply(product.number, source, product.out, adds=product.out.kind == "input"))
    return Program(stores + (saved.stores if saved else []), multiplies)


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
    saved = _saved(step, [node for parts in gradients.values() for _, _, node in parts])
    rows = _rows(step, {array: _with(parts, saved, step.graph) for array, parts in gradients.items()})
    multiplies = _multiplies(step, rows)
    summed = _summed(step, rows)
    for state in step.states:
        if state not in rows and all(multiply.out != _d(state) for multiply in multiplies):
            rows[state] = [(0, state.width, step.graph.constant(0))]
    stores = [Store(_d(array), *part) for array, parts in rows.items() for part in parts]
    return Backward(Program(stores, multiplies), saved, summed)


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


def _stores(array: Array, row: Segments) -> list[Store]:
    stores, offset = [], 0
    for node, span in row:
        stores.append(Store(array, offset, span, node))
        offset += span
    return stores


def _gradients(step: Step) -> dict[Array, Parts]:
    """The gradients of all arrays that the step reads, a part for each place that reads it."""
    g = step.graph
    of: defaultdict[Node, list[Node]] = defaultdict(list)
    found: defaultdict[Array, Parts] = defaultdict(list)

    def give(row: Segments, array: Array) -> None:
        offset = 0
        for node, span in row:
            dy = g.load(array, offset, span)
            of[node].append(g.sum(dy) if node.width == 1 else dy)
            offset += span

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


def _saved(step: Step, roots: list[Node]) -> Saved:
    """What to save of the forward pass: what is costly to compute again, or cannot be."""
    made = set(operands_first(step, step.roots))
    needed = [node for node in walk(roots, lambda node: node not in made) if node in made]
    kept = _kept(needed)
    wholes = _wholes(step, kept)
    states = {
        node: (j, place)
        for j, row in enumerate(step.new)
        for node, span, place in _places(row)
        if node.width == span and node.op != "load"
    }
    nodes = {
        node: step.graph.load(Array("next", j, step.states[j].width), place, node.width)
        for node, (j, place) in states.items()
        if node in kept
    }
    read = {
        node.value[0] for root in roots for node in walk([root], lambda node: node not in kept) if node.op == "load"
    }
    free = _free(step, read)
    apart = [node for node in kept if node not in nodes]
    for node in list(apart):
        if (place := next((place for place in free if place[2] == node.width), None)) is not None:
            free.remove(place)
            nodes[node] = step.graph.load(*place)
            apart.remove(node)
    array, offset = Array("saved", 0, sum(node.width for node in apart)), 0
    for node in apart:
        nodes[node] = step.graph.load(array, offset, node.width)
        offset += node.width
    stores = []
    for node in (node for node in kept if node not in states):
        array, offset = nodes[node].value
        stores.append(Store(array, offset, node.width, node))
    for node in made:
        if node.op == "load" and (whole := wholes.get(node.value[0])) is not None:
            nodes[node] = step.graph.narrow(nodes[whole], node.value[1], node.width)
    return Saved(nodes, stores)


def _kept(needed: list[Node]) -> dict[Node, None]:
    """Of the nodes that the backward pass needs those to keep: costly ones, and what is made of several of these or of
    a product, which lies in an array that the next step writes over.
    """
    kept = {node: None for node in needed if _is_costly(node)}
    for node in needed:
        if not _is_costly(node):
            new = [each for each in _made_of(node) if each not in kept]
            if len(new) > 1 or any(each.op == "load" for each in new):
                kept[node] = None
            else:
                kept |= dict.fromkeys(new)
    return kept


def _wholes(step: Step, kept: dict[Node, None]) -> dict[Array, Node]:
    """The products that are smaller than the nodes that are kept since they are made of them: these are taken out of
    `kept`, and the products put in, as a whole.
    """
    wholes = {}
    for array in dict.fromkeys(product.out for product in step.products):
        made = {node: _made_of(node) for node in kept if not _is_costly(node)}
        of_it = {
            node: parts
            for node, parts in made.items()
            if {each.value[0] for each in parts if each.op == "load"} == {array}
        }
        if sum(node.width for node in of_it) > array.width:
            wholes[array] = whole = step.graph.load(array)
            for node, parts in of_it.items():
                del kept[node]
                kept |= dict.fromkeys(each for each in parts if each.op != "load")
            kept[whole] = None
    return wholes


def _made_of(node: Node) -> list[Node]:
    """The costly nodes that a cheap one is made of."""
    return [each for each in walk([node], lambda each: not _is_costly(each)) if _is_costly(each)]


def _free(step: Step, read: set[Array]) -> list[tuple[Array, int, int]]:
    """Parts of inputs that the forward pass may write over, since it has read them then and nothing else does.

    That is so where it goes once over the units, and reads an input in the parts that it may write over: what it reads
    for some units is read before it writes for these, and for no others.
    """
    program = forward(step, None)
    widths = {store.span for store in program.stores}
    stages, _ = staged(program)
    if len(widths) != 1 or len(stages) != 1 or len(stages[0].passes) != 1:
        return []
    (width,) = widths
    loads = [node for node in walk([store.node for store in program.stores]) if node.op == "load"]
    apart = {node.value[0] for node in loads if node.width != width or node.value[1] % width}
    mine = [array for array in step.owned_inputs if array not in read | apart and array.width % width == 0]
    return [(array, offset, width) for array in mine for offset in range(0, array.width, width)]


def _is_costly(node: Node) -> bool:
    """Whether the backward pass cannot make a node again, or not cheaply."""
    if node.op == "load":
        return bool(node.value[0].kind == "product")
    return node.op == "sum" or (node.op != "constant" and OPERATIONS[node.op].costly)


def _places(row: Segments) -> list[tuple[Node, int, int]]:
    places, offset = [], 0
    for node, span in row:
        places.append((node, span, offset))
        offset += span
    return places


def _with(parts: Parts, saved: Saved, g: Graph) -> Parts:
    """The parts of a gradient made of what was saved."""
    known: dict[Node, Node] = dict(saved.nodes)
    for node in walk([node for _, _, node in parts], lambda node: node not in known):
        if node not in known:
            args = tuple(known[arg] for arg in node.args)
            known[node] = node if args == node.args else g.make(node.op, *args)
    return [(offset, span, known[node]) for offset, span, node in parts]
