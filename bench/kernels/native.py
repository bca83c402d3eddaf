"""The passes of a step over time as compiled C++, on the CPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.kernels.blas import gemm
from bench.kernels.compiler import compiled, version
from bench.kernels.emit import emit
from bench.kernels.forward import forward
from bench.kernels.passes import Passes
from bench.kernels.step import Cannot, Step
from bench.kernels.sums import in_place
from bench.kernels.vectors import prelude, products

__all__ = ["Code", "Inference", "Native", "refuse_unfit"]

_REAL = {torch.float32: "float", torch.float64: "double"}


def refuse_unfit(like: Tensor) -> None:
    """Raise Cannot for weights of a device or a dtype that C++ is not made for."""
    if like.device.type != "cpu" or like.dtype not in _REAL:
        raise Cannot(f"kernels are for float32 and float64 on the CPU, not {like.dtype} on {like.device}")


class Code:
    """The C++ of the passes."""

    def __init__(self, passes: Passes, dtype: torch.dtype) -> None:
        self.sources = {
            name: emit(name, program, reverse=name == "backward") for name, program in passes.programs.items()
        }
        self.text = "\n".join(source.text for source in self.sources.values())
        self.prelude = prelude(_REAL[dtype])


class Native:
    """The passes as compiled functions. Raises NoCompiler where they cannot be compiled."""

    def __init__(self, passes: Passes, dtype: torch.dtype, folder: Path) -> None:
        code = Code(passes, dtype)
        self.arrays = {name: source.arrays for name, source in code.sources.items()}
        library = compiled(code.prelude + code.text, folder)
        self.compiler = version()
        self._functions = {name: _function(library, name) for name in self.arrays}
        self._products = _products(dtype, folder)

    def run(self, name: str, at: Mapping[str, Tensor], T: int, B: int) -> None:
        """Go through T steps of B lanes, on the arrays of the pass, by name."""
        arrays = self.arrays[name]
        pointers = (ctypes.c_void_p * len(arrays))(*(at[array.name].data_ptr() for array in arrays))
        self._functions[name](self._products, T, B, pointers)


class Inference:
    """A step over time without gradients, on arrays whose addresses are handed in, the matrices `packed`; raises
    NoCompiler.
    """

    def __init__(self, step: Step, dtype: torch.dtype, folder: Path) -> None:
        self.step = step = in_place(step)
        source = emit("infer", forward(step))
        self.arrays, self.output = source.arrays, step.output
        self._function = _function(compiled(prelude(_REAL[dtype]) + source.text, folder), "infer")
        library = _library(dtype, folder)
        library.packed.restype = ctypes.c_void_p
        self._products, self._wide = library.packed(), library.panel_width()

    def packed(self, matrix_NK: Tensor) -> Tensor:
        """A matrix as panels of its rows, in which the numbers of each column lie side by side: a step then reads it
        once, from its beginning to its end.
        """
        panels = -(-len(matrix_NK) // self._wide)
        padded_NK = F.pad(matrix_NK.detach(), (0, 0, 0, panels * self._wide - len(matrix_NK)))
        return padded_NK.view(panels, self._wide, -1).transpose(1, 2).clone(memory_format=torch.contiguous_format)

    def __call__(self, T: int, B: int, pointers: ctypes.Array[ctypes.c_void_p]) -> None:
        """Go through T steps of B lanes."""
        self._function(self._products, T, B, pointers)


@cache
def _products(dtype: torch.dtype, folder: Path) -> int:
    """The address of the products that kernels call; raises NoCompiler."""
    function = _library(dtype, folder).products
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    address: int = function(gemm(dtype))
    return address


def _library(dtype: torch.dtype, folder: Path) -> ctypes.CDLL:
    return compiled(products(_REAL[dtype]), folder)


def _function(library: ctypes.CDLL, name: str) -> Callable[..., None]:
    function = library[name]
    function.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    function.restype = None
    return function
