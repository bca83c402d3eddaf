"""A recurrence over time as one function of autograd, whose passes are generated kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.kernels.expression import Array
from bench.kernels.native import Native
from bench.kernels.passes import passes
from bench.kernels.step import Step

__all__ = ["Fused", "Kernels"]


class Kernels(Protocol):
    """The passes of a step over time on a device: `forward` in training, `infer` and `backward`.

    `arrays` has what each pass reads and writes. `run` goes through T steps of B lanes, on arrays by name, which are
    contiguous and have the shapes that `Array.shape` says.
    """

    @property
    def arrays(self) -> Mapping[str, Sequence[Array]]: ...

    def run(self, name: str, at: Mapping[str, Tensor], T: int, B: int) -> None: ...


class Fused:
    """A step over time: from inputs `[T, B, F]` and states `[B, ...]` to outputs `[T, B, H]` and the last states.

    Raises NoCompiler where the kernels cannot be compiled.
    """

    def __init__(self, step: Step, dtype: torch.dtype, folder: Path) -> None:
        self.passes, self.dtype = passes(step), dtype
        self.step = self.passes.step
        self.kernels: Kernels = Native(self.passes, dtype, folder)
        self.output = self.step.output
        operands = {multiply.source.name for multiply in self.passes.programs["infer"].multiplies}
        self.needed = operands | {array.name for array in self.kernels.arrays["backward"]}

    def __call__(
        self, x_TBF: Tensor, states: Sequence[Tensor], parameters: Mapping[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        inputs, weights, matrices = self.step.hoisted(x_TBF, parameters)
        tensors = [*inputs, *weights, *matrices, *states]
        y_TBH, *last = _Recurrence.apply(self, *(each.to(self.dtype) for each in tensors))
        return y_TBH, [new.view(old.shape) for new, old in zip(last, states, strict=True)]

    def split(self, tensors: Sequence[Tensor]) -> tuple[Sequence[Tensor], ...]:
        """Inputs, weights, matrices and states."""
        first, second = len(self.step.inputs), len(self.step.inputs) + len(self.step.weights)
        third = second + len(self.step.products)
        return tensors[:first], tensors[first:second], tensors[second:third], tensors[third:]

    def arrays(self, name: str, at: dict[str, Tensor], T: int, B: int) -> dict[str, Tensor]:
        """The arrays of a pass by name: those given, and new ones."""
        like = next(iter(at.values()))
        new = (array for array in self.kernels.arrays[name] if array.name not in at)
        return at | {array.name: like.new_empty(array.shape(T, B)) for array in new}


class _Recurrence(torch.autograd.Function):
    """The loop over time steps, forward and backward."""

    @staticmethod
    def forward(ctx: Any, fused: Fused, *tensors: Tensor) -> tuple[Tensor, ...]:
        tensors = tuple(tensor.contiguous() for tensor in tensors)
        inputs, weights, matrices, states = fused.split(tensors)
        (T, B), step = inputs[0].shape[:2], fused.step
        trains = any(ctx.needs_input_grad)
        at = _named(inputs, "input") | _named(weights, "weight") | _named(matrices, "matrix")
        for j, state in enumerate(states):
            at[f"state{j}"] = state.new_empty(T + 1, B, step.states[j].width)
            at[f"state{j}"][0] = state.view(B, -1)
        name = "forward" if trains else "infer"
        at = fused.arrays(name, at, T, B)
        fused.kernels.run(name, at, T, B)
        y = at["y0"] if fused.output is None else at[f"state{fused.output}"][1:]
        last = tuple(at[f"state{j}"][T].clone() for j in range(len(states)))  # else they keep all steps alive
        if trains:
            ctx.fused, ctx.T, ctx.B, ctx.shapes = fused, T, B, [state.shape for state in states]
            ctx.kept = [name for name in at if name in fused.needed]
            ctx.save_for_backward(*(at[name] for name in ctx.kept))  # torch then sees what is written to them since
        return (y, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, *dlast: Tensor) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors  # raises where one of them was written to; with checkpoints they are made now
        fused, step, at, T, B = ctx.fused, ctx.fused.step, dict(zip(ctx.kept, kept, strict=True)), ctx.T, ctx.B
        at = at | {"dy0": dy.contiguous()} | {f"dnext{j}": d.contiguous().clone() for j, d in enumerate(dlast)}
        at |= {f"dweight{w.number}": dy.new_zeros(w.width) for w in step.weights}
        at = fused.arrays("backward", at, T, B)
        fused.kernels.run("backward", at, T, B)
        swapped = "dnext" if T % 2 == 0 else "dstate"
        dstates = [at[f"{swapped}{j}"].view(shape) for j, shape in enumerate(ctx.shapes)]
        dmatrices: list[Tensor | None] = []
        for weight, row in fused.passes.gradient.summed.items():
            at[f"dweight{weight.number}"] = at[row.name].sum((0, 1))
        sources = {multiply.matrix: multiply.source for multiply in fused.passes.gradient.program.multiplies}
        for product in step.products:
            if product.number not in sources:  # no gradient comes back to it
                dmatrices.append(None)
                continue
            d_SN = at[sources[product.number].name].view(T * B, -1)
            operand = at[f"state{product.state.number}"][:T] if product.state else at[f"operand{product.number}"]
            dmatrices.append(d_SN.t() @ operand.reshape(T * B, -1))
        dinputs = [at[f"dinput{i}"] for i in range(len(step.inputs))]
        return (None, *dinputs, *(at[f"dweight{w.number}"] for w in step.weights), *dmatrices, *dstates)


def _named(tensors: Sequence[Tensor], kind: str) -> dict[str, Tensor]:
    return {f"{kind}{i}": tensor for i, tensor in enumerate(tensors)}
