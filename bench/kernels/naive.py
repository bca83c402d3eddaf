"""The oracle of generated kernels: the same programs, carried out in torch, one store after the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.kernels.adjoint import backward
from bench.kernels.expression import Array, Node, walk
from bench.kernels.forward import forward
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Multiply, Program
from bench.kernels.stages import staged
from bench.kernels.step import Step

__all__ = ["Naive"]

Memory = dict[str, Tensor]
"""Arrays by name: `[T, B, N]` over time, states `[T + 1, B, N]`, others `[B, N]` or `[N]`."""


class Naive:
    """A step over time, and its gradients: what a kernel is to compute, in as many words."""

    def __init__(self, step: Step) -> None:
        self.step, self.gradient = step, backward(step)
        self.program = forward(step, self.gradient.saved.stores)

    def forward(
        self, inputs: Sequence[Tensor], weights: Sequence[Tensor], matrices: Sequence[Tensor], states: Sequence[Tensor]
    ) -> Memory:
        """All arrays after the forward pass; `y0` has the outputs."""
        T = len(inputs[0])
        memory = {f"input{i}": x_TBN.clone() for i, x_TBN in enumerate(inputs)}
        memory |= {f"weight{i}": w_N for i, w_N in enumerate(weights)} | {
            f"matrix{i}": m for i, m in enumerate(matrices)
        }
        memory |= {f"state{j}": torch.stack([s.flatten(1)] * (T + 1)) for j, s in enumerate(states)}
        for t in range(T):
            _carry_out(self.program, memory, t, T)
        number = self.step.output
        return memory if number is None else memory | {"y0": memory[f"state{number}"][1:]}

    def backward(self, memory: Memory, dy_TBH: Tensor, dlast: Sequence[Tensor]) -> Memory:
        """All gradients, `d` and an array's name, from those of the outputs and of the last states."""
        T, step = len(dy_TBH), self.step
        memory = memory | {"dy0": dy_TBH} | {f"dnext{j}": d for j, d in enumerate(dlast)}
        memory |= {f"dweight{w.number}": dy_TBH.new_zeros(w.width) for w in step.weights}
        for t in reversed(range(T)):
            _carry_out(self.gradient.program, memory, t, T)
            for j in range(len(step.states)):
                memory[f"dnext{j}"] = memory.pop(f"dstate{j}")
        memory |= {f"dstate{j}": memory[f"dnext{j}"] for j in range(len(step.states))}
        for weight, row in self.gradient.summed.items():
            memory[f"dweight{weight.number}"] = memory[row.name].view(-1, weight.width).sum(0)
        sources = {multiply.matrix: multiply.source for multiply in self.gradient.program.multiplies}
        for product in step.products:
            state = product.state
            if product.number not in sources:  # no gradient comes back to it
                memory[f"dmatrix{product.number}"] = torch.zeros_like(memory[f"matrix{product.number}"])
                continue
            operand_TBK = memory[f"operand{product.number}"] if state is None else memory[state.name][:T]
            d_TBN = memory[sources[product.number].name]
            memory[f"dmatrix{product.number}"] = torch.einsum("tbn,tbk->nk", d_TBN, operand_TBK)
        return memory


def _carry_out(program: Program, memory: Memory, t: int, T: int) -> None:
    """One time step: stage by stage the products, then all that is stored."""
    lanes = memory["state0"].shape[1]
    stages, _ = staged(program)
    for stage in stages:
        for each in stage.multiplies:
            _multiply(each, memory, t)
        stores = [store for one in stage.passes for store in one.stores if store.array.kind != "scratch"]
        values = _evaluated([store.node for store in stores], memory, t)
        for store in stores:
            array, part = store.array, slice(store.offset, store.offset + store.span)
            value = values[store.node].expand(lanes, store.span)
            if array.kind == "dweight":
                memory[array.name][part] += value.sum(0)
                continue
            if array.name not in memory and array.kind != "next":
                memory[array.name] = value.new_zeros(array.shape(T, lanes))
            _rows(array, memory, t)[:, part] = value
    for each in program.multiplies:
        if each.is_last:
            _multiply(each, memory, t)


def _rows(array: Array, memory: Memory, t: int) -> Tensor:
    """An array's numbers at a time step."""
    if array.kind == "next":
        return memory[f"state{array.number}"][t + 1]
    return memory[array.name][t] if array.kind == "state" or array.is_over_time else memory[array.name]


def _multiply(each: Multiply, memory: Memory, t: int) -> None:
    factor = memory[f"matrix{each.matrix}"]
    product = _rows(each.source, memory, t) @ (factor if each.backward else factor.t())
    if each.out.is_over_time:
        _rows(each.out, memory, t).add_(product)
    else:
        memory[each.out.name] = memory.get(each.out.name, 0) + product if each.adds else product


def _evaluated(roots: list[Node], memory: Memory, t: int) -> dict[Node, Tensor]:
    values: dict[Node, Tensor] = {}
    for node in walk(roots):
        if node.op == "constant":
            values[node] = torch.tensor([[node.value]], dtype=torch.float64)
        elif node.op == "load":
            array, offset = node.value
            loaded = _rows(array, memory, t)[..., offset : offset + node.width].clone()
            values[node] = loaded if array.per_lane else loaded[None]
        elif node.op == "sum":
            values[node] = values[node.args[0]].sum(-1, keepdim=True)
        else:
            values[node] = OPERATIONS[node.op].torch(*(values[arg] for arg in node.args))
    return values
