"""A program as CUDA C: kernels for the passes between products, or one kernel for all time steps.

Lanes never need each other. Where a step's matrices are small, a block of threads goes through all time steps of its
lane, products included. Where they are large, a product of all lanes at once is worth a launch of the vendor's, and a
kernel each makes the passes between two products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.kernels.emit import Emitter, Lane
from bench.kernels.expression import Array
from bench.kernels.program import Multiply, Program
from bench.kernels.stages import Stage

__all__ = ["REAL", "Launch", "Loop", "by_lanes", "by_steps", "prelude"]

REAL = {torch.float32: "float", torch.float64: "double"}
_HEADER = Path(__file__).with_name("threads.h")
_WARP, _BLOCK, _MOST_THREADS, _MOST_BLOCKS = 32, 256, 512, 65535  # of a grid's second dimension


@dataclass(frozen=True)
class Launch:
    """A kernel: the arrays whose addresses it takes, in order, the widest of its rows, and whether its threads meet.

    Those of a lane then are one block.
    """

    name: str
    arrays: tuple[Array, ...]
    width: int
    meets: bool

    def shape(self, B: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The blocks of a grid and the threads of a block, each in two dimensions, for B lanes."""
        if self.meets:
            return (B, 1), (_whole_warps(self.width), 1)
        units = min(1 << (self.width - 1).bit_length(), _BLOCK)
        lanes = _BLOCK // units
        return (-(-B // lanes), min(-(-self.width // units), _MOST_BLOCKS)), (units, lanes)


@dataclass(frozen=True)
class Loop:
    """A program's kernels, what a time step does in order, and all arrays of it.

    A loop without products in its steps has one kernel, which goes through all of them by itself.
    """

    text: str
    step: list[Multiply | Launch]
    arrays: list[Array]
    is_whole: bool


def prelude(dtype: torch.dtype) -> str:
    """What comes before the kernels of a dtype."""
    return f"typedef {REAL[dtype]} R;\n{_HEADER.read_text(encoding='utf-8')}"


def by_steps(name: str, program: Program) -> Loop:
    """Kernels `name_0`, `name_1`, ... for the passes between products of all lanes."""
    emitter, arrays = _Emitter(program), dict[Array, None]()
    texts, step = list[str](), list[Multiply | Launch]()
    for stage in emitter.stages:
        step += stage.multiplies
        emitter.arrays = {}
        lines = list(_Threads(emitter, stage.passes).lines())
        if lines:
            launch = Launch(f"{name}_{len(texts)}", tuple(emitter.arrays), _width(stage), _meets(stage))
            body = [f"const Index b = {'blockIdx.x' if launch.meets else _LANE};", *[_BEYOND] * (not launch.meets)]
            bound = _whole_warps(launch.width) if launch.meets else _BLOCK
            texts.append(_kernel(launch, bound, ", Index t", [*body, *lines]))
            step.append(launch)
            arrays |= emitter.arrays
    step += [multiply for multiply in program.multiplies if multiply.is_last]
    for multiply in program.multiplies:
        arrays |= dict.fromkeys(emitter.of_product(multiply))
    arrays |= {_before(array): None for array in arrays if array.kind == "dstate"}  # they take turns
    return Loop("\n".join(texts), step, list(arrays), False)


def by_lanes(name: str, program: Program, reverse: bool = False) -> Loop:
    """The kernel `name`, a block of which goes through all steps of a lane.

    It takes matrices with a row for each number that they multiply: those of a pass forward transposed.
    """
    emitter = _Emitter(program)
    body = [line for stage in emitter.stages for line in emitter.stage(stage)]
    ends = [line for multiply in program.multiplies if multiply.is_last for line in emitter.times(multiply)]
    body += [*ends, *["__syncthreads();"] * bool(ends)]
    if reverse:
        body += [f"swap({emitter.pointer(_before(array))}, {array.name});" for array in emitter.states()]
    widths = [_width(stage) for stage in emitter.stages] + [multiply.out.width for multiply in program.multiplies]
    loop = "for (Index t = T - 1; t >= 0; --t) {" if reverse else "for (Index t = 0; t < T; ++t) {"
    launch = Launch(name, tuple(emitter.arrays), max(widths), True)
    lines = ["const Index b = blockIdx.x;", loop, *(f"  {line}" for line in body), "}"]
    return Loop(_kernel(launch, _whole_warps(launch.width), "", lines), [launch], list(launch.arrays), True)


_LANE = "Index(blockIdx.x) * blockDim.y + threadIdx.y"
_BEYOND = "if (b >= B) return;"


def _kernel(launch: Launch, threads: int, more: str, lines: list[str]) -> str:
    arrays = "".join(f", R* {array.name}" for array in launch.arrays)
    head = f'extern "C" __global__ void __launch_bounds__({threads}) {launch.name}(Index T, Index B{more}{arrays}) {{'
    return "\n".join([head, *(f"  {line}" for line in lines), "}", ""])


def _whole_warps(width: int) -> int:
    """The threads of a block for so many units: as many, in whole warps, within a limit that leaves them registers."""
    return min(-(-width // _WARP) * _WARP, _MOST_THREADS)


def _width(stage: Stage) -> int:
    """The widest row of a stage."""
    stores = (store.span for each in stage.passes for store in each.stores)
    return max([1, *stores, *(node.args[0].width for each in stage.passes for node in each.sums)])


def _meets(stage: Stage) -> bool:
    return len(stage.passes) > 1 or any(each.sums for each in stage.passes)


def _before(array: Array) -> Array:
    return Array("dnext", array.number, array.width)


class _Emitter(Emitter):
    """A weight's gradient is added up for each lane apart, over all time steps, so that no two threads add to one."""

    def lane(self, array: Array) -> str:
        if array.kind == "dweight":
            array = Array("part", array.number, array.width)
        rows = self.rows(array)
        return f"{rows} + b * {array.width}" if array.per_lane else rows

    def matrix(self, multiply: Multiply) -> Array:
        return Array("matrix", multiply.matrix, multiply.out.width * multiply.source.width, per_lane=False)

    def of_product(self, multiply: Multiply) -> list[Array]:
        """The arrays that a product takes."""
        self.arrays = {}
        self.rows(multiply.source), self.rows(multiply.out), self.pointer(self.matrix(multiply))
        return list(self.arrays)

    # A lane's part of a time step, by a block of threads

    def times(self, multiply: Multiply) -> Iterator[str]:
        width, depth = multiply.out.width, multiply.source.width
        adds = str(self.program.adds(multiply)).lower()
        source, out = self.lane(multiply.source), self.lane(multiply.out)
        yield f"times<{width}, {depth}, {adds}>({source}, {self.pointer(self.matrix(multiply))}, {out});"

    def stage(self, stage: Stage) -> Iterator[str]:
        for multiply in stage.multiplies:
            yield from self.times(multiply)
        if stage.multiplies:
            yield "__syncthreads();"
        if lines := list(_Threads(self, stage.passes).lines()):
            yield from ("{", *(f"  {line}" for line in lines), "}", "__syncthreads();")


class _Threads(Lane):
    """A stage for one lane, whose units are shared out to threads; they meet where sums part a pass from the next."""

    closed = "}"

    def opened(self, width: int) -> str:
        first, all_threads = "Index(blockIdx.y) * blockDim.x + threadIdx.x", "gridDim.y * blockDim.x"
        return f"for (Index i = {first}; i < {width}; i += {all_threads}) {{"

    def address(self, array: Array, offset: int) -> str:
        """The number of unit i of an array."""
        return f"{self.pointer(array)}[{offset} + i]" if offset else f"{self.pointer(array)}[i]"

    def read_at(self, address: str) -> str:
        return address

    def written_at(self, address: str, value: str) -> str:
        return f"{address} = {value};"

    def one(self, place: str, sign: str, value: str) -> str:
        return f"if (blockIdx.y == 0 && threadIdx.x == 0) {place} {sign} {value};"

    def counted(self, value: str) -> str:
        return value

    def total(self, name: str) -> str:
        return f"sum({name})"
