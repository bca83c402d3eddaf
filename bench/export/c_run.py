"""An exported file of C, compiled and run over a sequence: what it computes, and how long a time step takes."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.export.c_file import CFile
from bench.kernels.compiler import NoCompiler, c_compiler, complaint

__all__ = ["Ran", "ran"]

_SAMPLES, _SECONDS = 5, 0.01  # and how long one takes at least

_DRIVER = """
#include "model.c"
void run(long steps, const {kind} *x, {real} *y, {real} *states) {{
  static {name}_state state;
  {name}_init(&state);
  for (long t = 0; t < steps; ++t, x += {stride}, y += {outputs}) {{
    if (states) {copy}
    {name}_step(&state, {x}, y);
  }}
  if (states) {copy}
}}
"""


class Ran(NamedTuple):
    """What T time steps came to: states before each and after the last `[T + 1, N]`, outputs `[T, C]`, and the
    microseconds that a step takes."""

    states: list[Tensor]
    y_TC: Tensor
    step_us: float


def ran(file: CFile, inputs_T: Tensor) -> Ran:
    """A sequence of inputs `[T]` or `[T, F]` through a file compiled with -O3.

    Raises NoCompiler where there is none, or the system runs nothing from where it compiles to, and BenchError where it
    does not compile the file.
    """
    T, dtype, widths = len(inputs_T), file.start[0].dtype, [len(start) for start in file.start]
    x = inputs_T.to(torch.int32 if file.symbols else dtype).contiguous()
    y_TC, states = torch.empty(T, file.outputs, dtype=dtype), torch.empty(T + 1, sum(widths), dtype=dtype)
    with tempfile.TemporaryDirectory(prefix="bench-export-") as work:
        run = _compiled(file, Path(work))
        run(T, x.data_ptr(), y_TC.data_ptr(), states.data_ptr())
        scratch_TC = torch.empty_like(y_TC)

        def sample(repeats: int) -> float:
            began = time.thread_time()
            for _ in range(repeats):
                run(T, x.data_ptr(), scratch_TC.data_ptr(), None)
            return (time.thread_time() - began) / repeats

        repeats = 1 + int(_SECONDS / max(sample(1), 1e-7))
        step_us = 1e6 / T * median(sample(repeats) for _ in range(_SAMPLES))
    return Ran([*states.split(widths, 1)], y_TC, step_us)


def _compiled(file: CFile, work: Path) -> Callable[..., None]:
    """The function that goes through a sequence."""
    (work / "model.c").write_text(file.text, encoding="ascii")
    copy = "".join(
        f"memcpy(states, state.state{i}, sizeof state.state{i}), states += {len(start)}"
        + (", " if i + 1 < len(file.start) else ";")
        for i, start in enumerate(file.start)
    )
    of_symbols = {"kind": "int", "stride": 1, "x": "*x"}
    of_features = {"kind": file.real, "stride": file.inputs, "x": "x"}
    driver = _DRIVER.format(
        name=file.name, real=file.real, outputs=file.outputs, copy=copy, **(of_symbols if file.symbols else of_features)
    )
    (work / "driver.c").write_text(driver, encoding="ascii")
    command = [*c_compiler(), "-std=c99", "-O3", "-fPIC", "-shared", "driver.c", "-lm", "-o", "driver.so"]
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError(f"{command[0]} does not run ({error}); name another C compiler with CC=...") from None
    if done.returncode:
        raise BenchError(
            f"{command[0]} does not compile the C, and nothing is written: {complaint(done)}; name another compiler "
            "with CC=..."
        )
    try:
        run = ctypes.CDLL(str(work / "driver.so")).run
    except OSError as error:
        raise NoCompiler(f"what is compiled in a temporary folder cannot be run: {error}") from error
    run.argtypes = [ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    run.restype = None
    return run
