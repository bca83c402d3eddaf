"""The passes of a step over time as CUDA kernels, on an NVIDIA GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import cache, partial

import torch
from torch import Tensor

from bench.kernels.compiler import NoCompiler
from bench.kernels.driver import Arguments, Module
from bench.kernels.emit_cuda import REAL, Launch, by_lanes, by_steps, prelude
from bench.kernels.expression import Array
from bench.kernels.graphs import Graphs
from bench.kernels.nvrtc import binary, version
from bench.kernels.passes import Passes
from bench.kernels.program import Multiply
from bench.kernels.step import Cannot

__all__ = ["Code", "Cuda", "refuse_unfit"]

_SMALL = 128 * 1024
"""Bytes of a step's matrices that a block of threads reads at every time step; they stay in the cache of its processor.

It is an estimate, not a measurement: where a GPU is, tests/gpu/test_kernels_on_a_gpu.py prints the times of both ways.
"""


def refuse_unfit(like: Tensor) -> None:
    """Raise Cannot for weights of a device or a dtype that CUDA is not printed for."""
    if torch.version.hip:
        raise Cannot("kernels for a GPU are CUDA, and this torch is for AMD's GPUs")
    if like.dtype not in REAL:
        raise Cannot(f"kernels are for weights in float32 and float64, not {like.dtype}")


class Code:
    """The CUDA C of the passes: one kernel a pass where the matrices are small, or as `whole` says."""

    def __init__(self, passes: Passes, dtype: torch.dtype, whole: bool | None = None) -> None:
        if whole is None:
            sizes = (multiply.out.width * multiply.source.width for multiply in passes.programs["infer"].multiplies)
            whole = sum(sizes) * dtype.itemsize <= _SMALL
        self.loops = {
            name: by_lanes(name, program, reverse=name == "backward") if whole else by_steps(name, program)
            for name, program in passes.programs.items()
        }
        self.text = "\n".join(loop.text for loop in self.loops.values())
        self.prelude = prelude(dtype)


class Cuda:
    """The passes as kernels on a device. Raises NoCompiler where they cannot be compiled.

    The loop over time steps, where it is not in a kernel, is a CUDA graph from the second time on that a shape comes.
    """

    def __init__(self, passes: Passes, dtype: torch.dtype, device: torch.device, whole: bool | None = None) -> None:
        code = Code(passes, dtype, whole)
        self.passes, self.loops, self.device = passes, code.loops, device
        self.arrays: dict[str, list[Array]] = {name: loop.arrays for name, loop in self.loops.items()}
        self.module = _module(code.prelude + code.text, device)
        self.graphs, self.compiler = Graphs(device), version()

    def run(self, name: str, at: Mapping[str, Tensor], T: int, B: int) -> None:
        """Go through T steps of B lanes, on the arrays of the pass, by name."""
        if not T or not B:
            return
        here = {array.name: at[array.name] for array in self.arrays[name]}
        parts = {key: at[f"dweight{key.removeprefix('part')}"] for key in here if key.startswith("part")}
        with torch.cuda.device(self.device):
            for key in parts:
                here[key].zero_()
            if self.loops[name].is_whole:
                self._by_lanes(name, here, T, B)
            else:
                copied = partial(self._read, name), partial(self._made, name)
                self.graphs.run(name, here, (T, B), *copied, partial(self._by_steps, name, T=T, B=B))
            for key, total in parts.items():
                torch.sum(here[key], 0, out=total)

    def _read(self, name: str, at: Mapping[str, Tensor]) -> list[Tensor]:
        """What a pass reads: of the states, a pass forward only the first."""
        arrays = [array for array in self.arrays[name] if array.kind in _READ[name]]
        return [at[a.name][0] if a.kind == "state" and name != "backward" else at[a.name] for a in arrays]

    def _made(self, name: str, at: Mapping[str, Tensor]) -> list[Tensor]:
        """What a pass makes for others: in inputs, too, where it writes what the backward pass needs over them."""
        kept = {array.name for array in self.arrays["backward"]} if name == "forward" else set()
        return [
            at[array.name]
            for array in self.arrays[name]
            if array.kind in _MADE[name] or (array.kind == "input" and array.name in kept)
        ]

    def _by_lanes(self, name: str, at: dict[str, Tensor], T: int, B: int) -> None:
        (launch,) = self.loops[name].step
        assert isinstance(launch, Launch)
        if name != "backward":  # a row for each number that is multiplied: threads side by side read side by side
            at |= {key: at[key].t().contiguous() for key in at if key.startswith("matrix")}
        self._launch(launch, Arguments([ctypes.c_longlong(T), ctypes.c_longlong(B)], _of(launch, at)), B)

    def _by_steps(self, name: str, at: Mapping[str, Tensor], T: int, B: int) -> None:
        t_now, step = ctypes.c_longlong(), self.loops[name].step
        numbers = [ctypes.c_longlong(T), ctypes.c_longlong(B), t_now]
        turns = [[self._action(name, each, arrays, numbers, B) for each in step] for arrays in _turns(at)]
        for count, t in enumerate(reversed(range(T)) if name == "backward" else range(T)):
            t_now.value = t
            for act in turns[count % 2]:
                act(t)

    def _action(
        self, name: str, each: Multiply | Launch, at: Mapping[str, Tensor], numbers: list[ctypes.c_longlong], B: int
    ) -> Callable[[int], object]:
        """A part of a time step, as a function of the step."""
        if isinstance(each, Launch):
            arguments = Arguments(numbers, _of(each, at))
            return lambda t: self._launch(each, arguments, B)
        matrix = at[f"matrix{each.matrix}"]
        factor = matrix if each.backward else matrix.t()
        if self.passes.programs[name].adds(each):
            return lambda t: _row(each.out, at, t).addmm_(_row(each.source, at, t), factor)
        return lambda t: torch.mm(_row(each.source, at, t), factor, out=_row(each.out, at, t))

    def _launch(self, launch: Launch, arguments: Arguments, B: int) -> None:
        grid, block = launch.shape(B)
        stream = torch.cuda.current_stream(self.device).cuda_stream
        self.module.launch(launch.name, grid, block, arguments, stream)


_READ = {
    "forward": {"weight", "matrix", "state", "input"},
    "infer": {"weight", "matrix", "state", "input"},
    "backward": {"weight", "matrix", "state", "input", "saved", "operand", "dy", "dnext", "part"},
}
_MADE = {
    "forward": {"state", "y", "saved", "operand"},
    "infer": {"state", "y"},
    "backward": {"dinput", "dproduct", "dstate", "dnext", "part"},
}


def _of(launch: Launch, at: Mapping[str, Tensor]) -> list[Tensor]:
    return [at[array.name] for array in launch.arrays]


def _turns(at: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
    """The arrays as every other time step sees them: a state's gradient before a step is that after the one before."""
    pairs = [(key, key.replace("dnext", "dstate")) for key in at if key.startswith("dnext")]
    return [at, {**at, **{old: at[new] for old, new in pairs}, **{new: at[old] for old, new in pairs}}]


def _row(array: Array, at: Mapping[str, Tensor], t: int) -> Tensor:
    """An array's numbers at a time step, for all lanes."""
    if array.kind == "next":
        return at[f"state{array.number}"][t + 1]
    tensor = at[array.name]
    return tensor[t] if array.is_over_time or array.kind == "state" else tensor


@cache
def _module(source: str, device: torch.device) -> Module:
    """The compiled source on a device; cells of the same sizes have the same. Raises NoCompiler."""
    try:
        return Module(binary(source, torch.cuda.get_device_capability(device)), device)
    except NoCompiler:
        raise
    except (OSError, RuntimeError) as error:
        raise NoCompiler(f"a kernel cannot be loaded on {device}: {str(error).partition(chr(10))[0]}") from error
