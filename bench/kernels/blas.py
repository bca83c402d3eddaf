"""The address of BLAS's product of matrices, which kernels call."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch

__all__ = ["gemm"]

_NAMES = {torch.float32: "sgemm", torch.float64: "dgemm"}


@cache
def gemm(dtype: torch.dtype) -> int:
    """The address of `sgemm` or `dgemm`, with 32-bit sizes, as Fortran has it: torch's own, else scipy's."""
    name = _NAMES[dtype]
    for path in sorted((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*")):
        try:
            found = getattr(ctypes.CDLL(str(path)), f"{name}_")
        except (OSError, AttributeError):
            continue
        return int(ctypes.cast(found, ctypes.c_void_p).value or 0)
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
    ctypes.pythonapi.PyCapsule_GetName.restype = ctypes.c_char_p
    ctypes.pythonapi.PyCapsule_GetName.argtypes = [ctypes.py_object]
    ctypes.pythonapi.PyCapsule_GetPointer.restype = ctypes.c_void_p
    ctypes.pythonapi.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(ctypes.pythonapi.PyCapsule_GetPointer(capsule, ctypes.pythonapi.PyCapsule_GetName(capsule)))
