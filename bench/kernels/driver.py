"""Launching kernels by NVIDIA's driver, in torch's context and on torch's stream."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

__all__ = ["Arguments", "Module"]


class Arguments:
    """What a kernel is launched with: whole numbers, which may change between launches, and arrays.

    The tensors are kept alive with it. Where a launch is captured in a graph, it holds for their addresses then.
    """

    def __init__(self, numbers: Sequence[ctypes.c_longlong], tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self.values = [*numbers, *(ctypes.c_void_p(address(tensor)) for tensor in tensors)]
        pointers = (ctypes.cast(ctypes.pointer(value), ctypes.c_void_p) for value in self.values)
        self.pointers = (ctypes.c_void_p * len(self.values))(*pointers)


def address(tensor: Tensor) -> int:
    """Where a tensor's numbers are."""
    return tensor.data_ptr()


class Module:
    """Compiled kernels on a device, which torch has begun to use. Raises RuntimeError where the driver refuses them."""

    def __init__(self, binary: bytes, device: torch.device) -> None:
        self.device = device
        torch.zeros(1, device=device)  # begins the context
        with torch.cuda.device(device):
            self._context = ctypes.c_void_p()
            _checked(_driver().cuCtxGetCurrent(ctypes.byref(self._context)))
            self._module = ctypes.c_void_p()
            _checked(_driver().cuModuleLoadData(ctypes.byref(self._module), binary))
        self._functions: dict[str, ctypes.c_void_p] = {}

    def launch(
        self, name: str, grid: tuple[int, int], block: tuple[int, int], arguments: Arguments, stream: int
    ) -> None:
        """Put a kernel into a stream."""
        driver = _driver()
        _checked(driver.cuCtxSetCurrent(self._context))  # a thread of autograd may have none yet
        if name not in self._functions:
            function = ctypes.c_void_p()
            _checked(driver.cuModuleGetFunction(ctypes.byref(function), self._module, name.encode()))
            self._functions[name] = function
        sizes = (*grid, 1, *block, 1, 0)
        _checked(
            driver.cuLaunchKernel(
                self._functions[name], *sizes, ctypes.c_void_p(stream), arguments.pointers, ctypes.c_void_p()
            )
        )


@cache
def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


def _checked(status: int) -> None:
    if status:
        said = ctypes.c_char_p()
        _driver().cuGetErrorString(status, ctypes.byref(said))
        raise RuntimeError(f"the GPU's driver fails: {said.value.decode() if said.value else f'error {status}'}")
