"""Inputs and products that a step only adds up: one array holds their sum."""

from __future__ import annotations

from dataclasses import replace

from bench.kernels.expression import Array, Node, walk
from bench.kernels.step import Product, Segments, Step

__all__ = ["in_place"]


def in_place(step: Step) -> Step:
    """The step with each product added to an input where it reads only their sum, as most gates do.

    That saves an array, and the time to read it. Biases between the two are added afterwards.
    """
    for number in range(len(step.products)):
        for array in step.owned_inputs:
            product = step.products[number]  # of the step as it is by now
            if array.width == product.out.width:
                step = _added(step, product, array) or step
    return step


def _added(step: Step, product: Product, array: Array) -> Step | None:
    """The step with a product in an input's array; None where it reads one of them in another way."""
    if product.out.kind != "product" or any(other.out == array for other in step.products):
        return None
    g, known = step.graph, dict[Node, Node]()
    rows = [*step.new, step.y, *(each.operand for each in step.products)]
    roots = [node for row in rows for node, _ in row]
    for node in walk(roots):
        if node.op == "add" and (rest := _sum_of(node, product.out, array)) is not None:
            offset = next(leaf.value[1] for leaf in _terms(node) if leaf.op == "load" and leaf.value[0] == array)
            known[node] = g.total([g.load(array, offset, node.width), *rest])
    made = dict(known)
    for node in walk(roots, lambda node: node not in known):
        if node in made:
            continue
        if node.op == "load" and node.value[0] in (product.out, array):
            return None
        args = tuple(made[arg] for arg in node.args)
        made[node] = node if args == node.args else g.make(node.op, *args)

    def row(old: Segments) -> Segments:
        return tuple((made[node], span) for node, span in old)

    products = [
        replace(each, operand=row(each.operand), out=array if each is product else each.out) for each in step.products
    ]
    return replace(step, products=products, new=[row(each) for each in step.new], y=row(step.y))


def _terms(node: Node) -> list[Node]:
    return [term for arg in node.args for term in _terms(arg)] if node.op == "add" else [node]


def _sum_of(node: Node, product: Array, array: Array) -> list[Node] | None:
    """The other terms of a sum of the same part of a product and an input; None where it is none."""
    terms = _terms(node)
    parts = [
        [t for t in terms if t.op == "load" and t.value[0] == each and t.width == node.width]
        for each in (product, array)
    ]
    if [len(part) for part in parts] != [1, 1] or parts[0][0].value[1] != parts[1][0].value[1]:
        return None
    rest = [term for term in terms if term not in (parts[0][0], parts[1][0])]
    return rest if all(t.op == "constant" or (t.op == "load" and t.value[0].kind == "weight") for t in rest) else None
