"""A recurrence over time as one function of autograd, whose two passes are generated kernels."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.kernels.adjoint import backward, forward
from bench.kernels.blas import gemm
from bench.kernels.compiler import compiled
from bench.kernels.emit import emit
from bench.kernels.expression import Array
from bench.kernels.step import Cannot, Step
from bench.kernels.sums import in_place
from bench.kernels.vectors import prelude

__all__ = ["Code", "Fused", "Inference", "refuse_unfit"]

_REAL = {torch.float32: "float", torch.float64: "double"}


def refuse_unfit(like: Tensor) -> None:
    """Raise Cannot for weights of a device or a dtype that kernels are not for."""
    if like.device.type != "cpu" or like.dtype not in _REAL:
        raise Cannot(f"kernels are for float32 and float64 on the CPU, not {like.dtype} on {like.device}")


class Code:
    """The C++ of a step over time: a pass forward that keeps what the backward pass needs, one that does not, and the
    backward pass.
    """

    def __init__(self, step: Step, dtype: torch.dtype) -> None:
        self.step = step = in_place(step)
        self.gradient = backward(step)
        self.training = emit("forward", forward(step, self.gradient.saved))
        self.inference = emit("infer", forward(step, None))
        self.back = emit("backward", self.gradient.program, reverse=True)
        self.text = "\n".join(each.text for each in (self.training, self.inference, self.back))
        self.prelude = prelude(_REAL[dtype])


class Inference:
    """A step over time without gradients, on arrays whose addresses are handed in; raises NoCompiler."""

    def __init__(self, step: Step, dtype: torch.dtype, folder: Path) -> None:
        self.step = step = in_place(step)
        source = emit("infer", forward(step, None))
        self.arrays, self.output = source.arrays, step.output
        self._function = _function(compiled(prelude(_REAL[dtype]) + source.text, folder), "infer")
        self._gemm = gemm(dtype)

    def __call__(self, T: int, B: int, pointers: ctypes.Array[ctypes.c_void_p]) -> None:
        """Go through T steps of B lanes."""
        self._function(self._gemm, T, B, pointers)


class Fused:
    """A step over time: from inputs `[T, B, F]` and states `[B, ...]` to outputs `[T, B, H]` and the last states.

    Raises NoCompiler where the kernels cannot be compiled.
    """

    def __init__(self, step: Step, dtype: torch.dtype, folder: Path) -> None:
        self.code, self.dtype, self.gemm = Code(step, dtype), dtype, gemm(dtype)
        self.step = self.code.step
        library = compiled(self.code.prelude + self.code.text, folder)
        self.functions = {name: _function(library, name) for name in ("forward", "infer", "backward")}
        self.output = self.step.output
        operands = {multiply.source.name for multiply in forward(self.step, None).multiplies}
        self.needed = operands | {array.name for array in self.code.back.arrays}

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

    def run(self, name: str, arrays: Sequence[Array], at: dict[str, Tensor], T: int, B: int) -> None:
        """Call a function with the addresses of its arrays, by name."""
        pointers = (ctypes.c_void_p * len(arrays))(*(at[array.name].data_ptr() for array in arrays))
        self.functions[name](self.gemm, T, B, pointers)


def _function(library: ctypes.CDLL, name: str) -> Callable[..., None]:
    function = library[name]
    function.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_void_p]
    function.restype = None
    return function


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
        source = fused.code.training if trains else fused.code.inference
        for array in source.arrays:
            if array.name not in at:
                over_time = array.kind in ("y", "saved", "operand")
                at[array.name] = states[0].new_empty((T, B, array.width) if over_time else (B, array.width))
        fused.run("forward" if trains else "infer", source.arrays, at, T, B)
        y = at["y0"] if fused.output is None else at[f"state{fused.output}"][1:]
        last = tuple(at[f"state{j}"][T].clone() for j in range(len(states)))  # else they keep all steps alive
        if trains:
            ctx.fused, ctx.T, ctx.B, ctx.shapes = fused, T, B, [state.shape for state in states]
            ctx.at = {name: tensor for name, tensor in at.items() if name in fused.needed}
            ctx.save_for_backward(y)  # torch then refuses a backward pass after y, which it reads, was written to
        return (y, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, *dlast: Tensor) -> tuple[Tensor | None, ...]:
        _ = ctx.saved_tensors  # raises where the outputs were written to
        fused, step, at, T, B = ctx.fused, ctx.fused.step, ctx.at, ctx.T, ctx.B
        at = at | {"dy0": dy.contiguous()} | {f"dnext{j}": d.contiguous().clone() for j, d in enumerate(dlast)}
        at |= {f"dweight{w.number}": dy.new_zeros(w.width) for w in step.weights}
        for array in fused.code.back.arrays:
            if array.name not in at:
                over_time = array.kind in ("dinput", "dproduct")
                at[array.name] = dy.new_empty((T, B, array.width) if over_time else (B, array.width))
        fused.run("backward", fused.code.back.arrays, at, T, B)
        swapped = "dnext" if T % 2 == 0 else "dstate"
        dstates = [at[f"{swapped}{j}"].view(shape) for j, shape in enumerate(ctx.shapes)]
        dmatrices: list[Tensor | None] = []
        for weight, row in fused.code.gradient.summed.items():
            at[f"dweight{weight.number}"] = at[row.name].sum((0, 1))
        sources = {multiply.matrix: multiply.source for multiply in fused.code.gradient.program.multiplies}
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
