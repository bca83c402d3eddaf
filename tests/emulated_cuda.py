"""Kernels in CUDA C run on a CPU, on the tensors of a simulated GPU, eagerly or as they were captured in a graph.

The source is compiled as C++ with `cuda_on_cpu.h`, where the threads of a block take turns and wait for each other. A
launch within the limits of every GPU that torch has is what its driver would take; others are errors.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import torch
from simulated import simulated_gpu
from torch.utils._python_dispatch import TorchDispatchMode

from bench.kernels import cuda, driver

_SHIM = Path(__file__).with_name("cuda_on_cpu.h")
_FOLDER = Path(mkdtemp(prefix="bench-emulated-"))


class Emulated:
    """Takes the place of `bench.kernels.driver.Module`; the binary is the source."""

    from_the_last = False
    """The order in which threads and blocks take their turns."""
    launched: list[tuple[str, tuple[int, int], tuple[int, int]]] = []

    def __init__(self, binary: bytes, device: torch.device) -> None:
        self.library = _compiled(binary.decode())

    def launch(self, name: str, grid: Any, block: Any, arguments: driver.Arguments, stream: int) -> None:
        refuse_beyond_limits(grid, block)
        Emulated.launched.append((name, grid, block))
        function, sizes = self.library[f"launch_{name}"], (ctypes.c_int * 4)(*grid, *block)
        # a launch takes the values of its arguments at this moment
        types = [type(value) for value in arguments.values]
        values = [kind(value.value) for kind, value in zip(types, arguments.values, strict=True)]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))

        def act(kept: Any = (values, arguments.tensors)) -> None:
            if function(sizes, int(Emulated.from_the_last), pointers):
                raise RuntimeError(f"{name}: threads wait for others that have ended")

        _done(act)


def refuse_beyond_limits(grid: tuple[int, int], block: tuple[int, int]) -> None:
    """Raise RuntimeError for a launch that a GPU refuses."""
    fits = 0 < grid[0] < 2**31 and 0 < grid[1] <= 65535 and 0 < block[0] * block[1] <= 1024
    if not fits:
        raise RuntimeError(f"no GPU has a grid of {grid} with blocks of {block}")


@cache
def _compiled(source: str) -> ctypes.CDLL:
    heads = re.findall(r"__launch_bounds__\(\d+\) (\w+)\((.*)\) {", source)
    path = _FOLDER / sha256(source.encode()).hexdigest()[:16]
    launches = "\n".join(f"LAUNCHED({name}, {_given(parameters)})" for name, parameters in heads)
    path.with_suffix(".cpp").write_text(f'#include "{_SHIM}"\n{source}\n{launches}\n')
    compiler = next(found for name in ("c++", "g++", "clang++") if (found := shutil.which(name)))
    command = [compiler, "-std=c++17", "-O0", "-w", "-fPIC", "-shared", str(path.with_suffix(".cpp")), "-o", str(path)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(path))


def _given(parameters: str) -> str:
    """The arguments of a kernel, each from its address."""
    types = (parameter.rpartition(" ")[0] for parameter in parameters.split(", "))
    return ", ".join(f"*({kind}*)given[{i}]" for i, kind in enumerate(types))


class Graph:
    """Takes the place of `torch.cuda.CUDAGraph`: what it captured, to be done at each replay."""

    def __init__(self) -> None:
        self.acts: list[Callable[[], object]] = []

    def replay(self) -> None:
        for act in self.acts:
            act()


_capturing: list[Graph] = []


def _done(act: Callable[[], object]) -> None:
    """Do it now, or, within a capture, at each replay alone."""
    if _capturing:
        _capturing[-1].acts.append(act)
    else:
        act()


class _Captured(TorchDispatchMode):
    """What torch does to tensors in a capture comes at each replay; a tensor that is made there is an error here."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, schema = kwargs or {}, func._schema
        if all(each.alias_info is not None and not each.alias_info.is_write for each in schema.returns):
            return func(*args, **kwargs)  # a view
        changed = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        if not changed:
            raise RuntimeError(f"{func} makes a tensor within a capture")
        _done(lambda: func(*args, **kwargs))
        return kwargs.get("out", args[0])


@contextmanager
def _capture(graph: Graph, **_: Any) -> Iterator[None]:
    _capturing.append(graph)
    try:
        with _Captured():
            yield
    finally:
        _capturing.pop()


class _Stream:
    cuda_stream = 0

    def wait_stream(self, other: _Stream) -> None:
        pass


@contextmanager
def emulated_kernels() -> Iterator[None]:
    """In the block generated kernels run on a simulated GPU, and graphs capture them."""
    stream = _Stream()
    Emulated.launched.clear()
    Emulated.from_the_last = False
    cuda._module.cache_clear()
    with (
        patch.multiple(cuda, Module=Emulated, version=lambda: "emulated", binary=lambda source, _: source.encode()),
        patch.object(driver, "address", lambda tensor: getattr(tensor, "numbers", tensor).data_ptr()),
        patch.multiple(torch.cuda, CUDAGraph=Graph, graph=_capture, current_stream=lambda *_: stream),
        patch.multiple(
            torch.cuda, device=lambda _: nullcontext(), is_current_stream_capturing=lambda: bool(_capturing)
        ),
    ):
        yield
    cuda._module.cache_clear()


@contextmanager
def emulated_gpu() -> Iterator[torch.device]:
    """In the block there is a simulated GPU on which generated kernels run; yields its device."""
    with emulated_kernels(), simulated_gpu() as gpu:
        yield gpu
