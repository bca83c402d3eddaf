"""The forward pass of a step: what it stores at a time step, and which products it takes."""

from __future__ import annotations

from collections.abc import Sequence

from bench.kernels.expression import Array
from bench.kernels.program import Multiply, Program, Store
from bench.kernels.step import Segments, Step, places

__all__ = ["forward"]


def forward(step: Step, saved: Sequence[Store] = ()) -> Program:
    """The forward pass, which also stores what is `saved` for the backward pass."""
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
    return Program([*stores, *saved], multiplies)


def _stores(array: Array, row: Segments) -> list[Store]:
    return [Store(array, offset, span, node) for node, span, offset in places(row)]
