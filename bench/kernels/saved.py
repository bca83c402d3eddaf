"""What the forward pass of a step saves for the backward pass, and where."""

from __future__ import annotations

from dataclasses import dataclass

from bench.kernels.expression import Array, Node, walk
from bench.kernels.forward import forward
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Store
from bench.kernels.stages import staged
from bench.kernels.step import Step, operands_first, places

__all__ = ["Saved", "saved"]


@dataclass(frozen=True)
class Saved:
    """Nodes of the forward pass that the backward pass reads.

    `nodes` has for each the load that takes its place: from a state, from an input that was read by then, or from an
    array `saved`, in which they lie side by side. `stores` puts them there.
    """

    nodes: dict[Node, Node]
    stores: list[Store]


def saved(step: Step, roots: list[Node]) -> Saved:
    """What to save of the forward pass for the `roots` of the backward pass: what is costly to compute again, or cannot
    be.
    """
    made = dict.fromkeys(operands_first(step, step.roots))  # in order, so that the same step always gives the same code
    needed = [node for node in walk(roots, lambda node: node not in made) if node in made]
    kept = _kept(needed)
    wholes = _wholes(step, kept)
    states = {
        node: (j, place)
        for j, row in enumerate(step.new)
        for node, span, place in places(row)
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
    program = forward(step)
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
