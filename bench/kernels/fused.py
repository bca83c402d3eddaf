"""A recurrence over time as one function of autograd, whose passes are generated kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.kernels import native
from bench.kernels.expression import Array
from bench.kernels.native import Native
from bench.kernels.passes import passes
from bench.kernels.step import Cannot, Step
from bench.kernels.totals import Totals

__all__ = ["Fused", "Kernels", "Symbols", "refuse_unfit"]


_CPU = torch.device("cpu")


class Kernels(Protocol):
    """The passes of a step over time on a device: `forward` in training, `infer` and `backward`.

    `arrays` has what each pass reads and writes. `run` goes through T steps of B lanes, on arrays by name, which are
    contiguous and have the shapes that `Array.shape` says.
    """

    compiler: str
    """What compiled them, and its version."""

    @property
    def arrays(self) -> Mapping[str, Sequence[Array]]: ...

    def run(self, name: str, at: Mapping[str, Tensor], T: int, B: int) -> None: ...


class Symbols(NamedTuple):
    """Inputs of the loop that are rows `[F]` of a table, a row for each symbol."""

    symbols_TB: Tensor
    table_VF: Tensor

    @property
    def vectors(self) -> Tensor:
        """The inputs themselves, `[T, B, F]`."""
        return F.embedding(self.symbols_TB, self.table_VF)


class Fused:
    """A step over time: from inputs `[T, B, F]` and states `[B, ...]` to outputs `[T, B, H]` and the last states.

    Of inputs that are Symbols, a linear map is made once for each symbol, and the loop reads rows of it; only a loop
    that `reads_maps_alone` takes them. The kernels are those of the device. Raises NoCompiler where they cannot be
    compiled.
    """

    def __init__(self, step: Step, dtype: torch.dtype, folder: Path, device: torch.device = _CPU) -> None:
        self.passes, self.dtype, self.device = passes(step), dtype, device
        self.step = self.passes.step
        self.kernels = self._kernels(folder)
        self.output = self.step.output
        operands = {multiply.source.name for multiply in self.passes.programs["infer"].multiplies}
        read = (array.name for array in self.kernels.arrays["backward"] if array.kind != "scratch")  # each pass's own
        self.needed = operands | {*read}

    def _kernels(self, folder: Path) -> Kernels:
        if self.device.type == "cpu":
            return Native(self.passes, self.dtype, folder)
        from bench.kernels.cuda import Cuda

        return Cuda(self.passes, self.dtype, self.device)

    def __call__(
        self, x: Tensor | Symbols, states: Sequence[Tensor], parameters: Mapping[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        in_autocast = torch.is_autocast_enabled(self.device.type)  # which would not see into a function of autograd
        if in_autocast and isinstance(x, Symbols):
            x = x.vectors
        read, symbols_TB = (x.table_VF, x.symbols_TB) if isinstance(x, Symbols) else (x, None)
        steps = read if symbols_TB is None else symbols_TB
        if steps.device != self.device:
            raise RuntimeError(f"kernels that were made for {self.device} have inputs on {steps.device}")
        inputs, weights, matrices = self.step.hoisted(steps, parameters, F.linear if in_autocast else _Map)
        maps = [isinstance(each, _Map) for each in inputs]
        pairs = [each[1:] if isinstance(each, _Map) else (each, None) for each in inputs]
        tensors = [read, *(part for pair in pairs for part in pair), *weights, *matrices, *states]
        cast = (each if each is None or each.dtype == self.dtype else each.to(self.dtype) for each in tensors)
        y_TBH, *last = _Recurrence.apply(self, maps, torch.is_grad_enabled(), symbols_TB, *cast)
        return y_TBH, last

    @property
    def reads_maps_alone(self) -> bool:
        """Whether the loop reads no inputs but linear maps of x, and random numbers."""
        return all(array in self.step.owned for array in self.step.inputs)

    def arrays(self, name: str, at: dict[str, Tensor], T: int, B: int) -> dict[str, Tensor]:
        """The arrays of a pass by name: those given, and new ones."""
        like = next(iter(at.values()))
        new = (array for array in self.kernels.arrays[name] if array.name not in at)
        return at | {array.name: like.new_empty(array.shape(T, B)) for array in new}


class _Map(NamedTuple):
    """An input of the loop that is a linear map of x; the function of autograd makes it, and its gradients."""

    x: Tensor
    weight: Tensor
    bias: Tensor | None


class _Recurrence(torch.autograd.Function):
    """The linear maps of x and the loop over time steps, forward and backward.

    What it is given are x, for each input of the loop a weight and a bias, where it is one of the `maps`, or itself and
    None, then weights, matrices and states. It `trains` where gradients are wanted: within the function they never are.
    With `symbols` x is the table, and a map of it is made for all symbols, not for all time steps.
    """

    @staticmethod
    def forward(
        ctx: Any, fused: Fused, maps: list[bool], trains: bool, symbols: Tensor | None, *given: Tensor | None
    ) -> tuple[Tensor, ...]:
        step, trains = fused.step, trains and any(ctx.needs_input_grad)
        following: Iterator[Any] = iter(each if each is None else each.contiguous() for each in given)
        counts = (1, 2 * len(maps), len(step.weights), len(step.products), len(step.states))
        (x,), pairs, weights, matrices, states = (tuple(islice(following, count)) for count in counts)
        inputs = [
            _mapped(x, symbols, each, bias) if is_map else each
            for each, bias, is_map in zip(pairs[::2], pairs[1::2], maps, strict=True)
        ]
        T, B = inputs[0].shape[:2]
        at = _named(inputs, "input") | _named(weights, "weight") | _named(matrices, "matrix")
        for j, state in enumerate(states):
            at[f"state{j}"] = over_time = state.new_empty(T + 1, B, step.states[j].width)
            over_time.select(0, 0).copy_(state.view(B, -1))
        name = "forward" if trains else "infer"
        at = fused.arrays(name, at, T, B)
        fused.kernels.run(name, at, T, B)
        y = at["y0"] if fused.output is None else at[f"state{fused.output}"].narrow(0, 1, T)
        last = [  # copies: else they keep all steps alive
            at[f"state{j}"].select(0, T).clone().view(state.shape) for j, state in enumerate(states)
        ]
        if trains:
            ctx.fused, ctx.maps, ctx.T, ctx.B, ctx.shapes = fused, maps, T, B, [state.shape for state in states]
            at |= {"x": x} | {f"map{i}": each for i, each in enumerate(pairs[::2]) if maps[i]}
            at |= {} if symbols is None else {"symbols": symbols}
            ctx.kept = [name for name in at if name in fused.needed or name.startswith(("x", "map", "symbols"))]
            ctx.save_for_backward(*(at[name] for name in ctx.kept))  # torch then sees what is written to them since
            ctx.set_materialize_grads(False)
        return (y, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, *dlast: Tensor | None) -> tuple[Any, ...]:
        kept = ctx.saved_tensors  # raises where one of them was written to; with checkpoints they are made now
        fused, step, at, T, B = ctx.fused, ctx.fused.step, dict(zip(ctx.kept, kept, strict=True)), ctx.T, ctx.B
        x, width = at["x"], sum(span for _, span in step.y)
        at["dy0"] = x.new_zeros(T, B, width) if dy is None else dy.contiguous()
        for state, d in zip(step.states, dlast, strict=True):
            at[f"dnext{state.number}"] = x.new_zeros(B, state.width) if d is None else d.contiguous().clone()
        at |= {f"dweight{w.number}": x.new_zeros(w.width) for w in step.weights}
        at = fused.arrays("backward", at, T, B)
        fused.kernels.run("backward", at, T, B)
        gradients = Totals(at, T * B)
        dx, dinputs = gradients.of_inputs(ctx.maps, ctx.needs_input_grad[4:])
        dweights = [gradients.of_weight(w, fused.passes.gradient.summed.get(w)) for w in step.weights]
        sources = {multiply.matrix: multiply.source for multiply in fused.passes.gradient.program.multiplies}
        dmatrices = [
            gradients.of_matrix(sources[each.number].name, at[each.state.name if each.state else f"operand{i}"])
            if each.number in sources  # else no gradient comes back to it
            else None
            for i, each in enumerate(step.products)
        ]
        swapped = "dnext" if T % 2 == 0 else "dstate"
        wanted = ctx.needs_input_grad[len(ctx.needs_input_grad) - len(ctx.shapes) :]
        dstates = [at[f"{swapped}{j}"].view(ctx.shapes[j]) if is_wanted else None for j, is_wanted in enumerate(wanted)]
        return None, None, None, None, dx, *dinputs, *dweights, *dmatrices, *dstates


def _mapped(x: Tensor, symbols: Tensor | None, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A linear map of x, or of the row of x that each symbol is."""
    found = F.linear(x, weight, bias)
    return found if symbols is None else F.embedding(symbols, found)


def refuse_unfit(like: Tensor) -> None:
    """Raise Cannot for weights of a device or a dtype that there are no kernels for."""
    if like.device.type == "cuda":
        from bench.kernels import cuda

        cuda.refuse_unfit(like)
    elif like.device.type == "cpu":
        native.refuse_unfit(like)
    else:
        raise Cannot(f"kernels are for CPUs and NVIDIA GPUs, not {like.device}")


def _named(tensors: Sequence[Tensor], kind: str) -> dict[str, Tensor]:
    return {f"{kind}{i}": tensor for i, tensor in enumerate(tensors)}
