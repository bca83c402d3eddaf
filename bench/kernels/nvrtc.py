"""Compiling CUDA C with NVRTC, NVIDIA's compiler library, which comes with torch; it needs no GPU."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

from bench.kernels.compiler import NoCompiler

__all__ = ["binary", "version"]

_OPTIONS = ("--std=c++17",)


@cache
def _library() -> ctypes.CDLL:
    """NVRTC: as torch has it, else as the system does. Raises NoCompiler."""
    for name in _names():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        return library
    raise NoCompiler("NVRTC, which compiles kernels for a GPU, is not found: pip install nvidia-cuda-nvrtc")


def _names() -> Iterator[str]:
    """Names under which the library may be loaded, the likeliest first."""
    if sys.platform == "win32":
        yield from map(str, (Path(torch.__file__).parent / "lib").glob("nvrtc64_*_0.dll"))
        return
    major = (torch.version.cuda or "").partition(".")[0]
    if major:
        yield f"libnvrtc.so.{major}"  # that of this process, if torch has loaded it
    packages = Path(torch.__file__).parents[1]
    folders = [Path(torch.__file__).parent / "lib", *sorted(packages.glob("nvidia/*/lib"))]
    folders += [Path(os.environ[name]) / "lib64" for name in ("CUDA_HOME", "CUDA_PATH") if name in os.environ]
    for folder in folders:
        found = (path for path in sorted(folder.glob("libnvrtc*.so*")) if "builtins" not in path.name)
        yield from (str(path) for path in found if ".alt." not in path.name)
    yield "libnvrtc.so"


def version() -> str:
    """The version of NVRTC. Raises NoCompiler."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _checked(_library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"NVRTC {major.value}.{minor.value}"


def binary(source: str, capability: tuple[int, int]) -> bytes:
    """The machine code of CUDA C for GPUs of a compute capability, such as (9, 0). Raises NoCompiler."""
    library, program = _library(), ctypes.c_void_p()
    text = ctypes.c_char_p(source.encode())
    _checked(library.nvrtcCreateProgram(ctypes.byref(program), text, b"kernel.cu", 0, None, None))
    try:
        options = [each.encode() for each in (f"--gpu-architecture=sm_{capability[0]}{capability[1]}", *_OPTIONS)]
        failed = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        if failed:
            said = _read(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program).decode(errors="replace")
            line = next((line for line in said.splitlines() if "error" in line), said.strip("\0\n")[:200])
            raise NoCompiler(f"{version()} does not compile the kernel: {line or _word(failed)}")
        return _read(library.nvrtcGetCUBINSize, library.nvrtcGetCUBIN, program)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _read(size_of: ctypes._NamedFuncPointer, read: ctypes._NamedFuncPointer, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _checked(size_of(program, ctypes.byref(size)))
    content = ctypes.create_string_buffer(size.value)
    _checked(read(program, content))
    return content.raw


def _checked(status: int) -> None:
    if status:
        raise NoCompiler(f"NVRTC fails: {_word(status)}")


def _word(status: int) -> str:
    said = _library().nvrtcGetErrorString(status)
    return said.decode() if said else f"error {status}"
