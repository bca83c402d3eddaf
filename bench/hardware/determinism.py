"""Whether operations give the same bits every time: torch's settings for it.

A CPU gives the same bits anyway. CUDA does not: it adds up numbers in the order in which threads come, and cuDNN may
choose among algorithms by a race.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.errors import ConfigError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""The variable that sizes cuBLAS's workspaces; cuBLAS reads it once, when CUDA begins."""

_SAME_BITS = (":4096:8", ":16:8")  # its values with which cuBLAS, and cuDNN's recurrent layers, give the same bits
_ERROR = 2  # torch's mode in which an operation without a deterministic form raises an error


def set_determinism(wanted: bool, kind: str) -> None:
    """Have torch give the same bits every time, where `wanted`, on a device of this `kind` (cpu, cuda or mps).

    Call it before CUDA begins. An operation that has no such form raises RuntimeError from then on. The variable for
    cuBLAS stays set, since CUDA begins but once. Raises ConfigError where CUDA has begun without it, and on MPS.
    """
    if wanted and kind == "mps":
        raise ConfigError(
            "hardware.deterministic=true: torch promises the same bits on a CPU and on CUDA, not on MPS; "
            "leave it out, or set hardware.device=cpu"
        )
    if wanted and kind == "cuda" and os.environ.get(WORKSPACE) not in _SAME_BITS:
        if torch.cuda.is_initialized():
            raise ConfigError(
                f"hardware.deterministic=true: CUDA has begun in this process without {WORKSPACE}={_SAME_BITS[0]}: "
                "set that variable before, or start a process for this run"
            )
        os.environ[WORKSPACE] = _SAME_BITS[0]
    torch.set_deterministic_debug_mode(_ERROR if wanted else 0)
    torch.backends.cudnn.deterministic = wanted
    torch.backends.cudnn.benchmark = False


def determinism() -> dict[str, str | bool | None]:
    """The settings in force; for the record of a run."""
    return {
        "algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cublas_workspace": os.environ.get(WORKSPACE),
    }


@contextmanager
def determinism_kept() -> Iterator[None]:
    """In the block `set_determinism` may set what it likes; after it, torch's settings are as before."""
    cudnn = torch.backends.cudnn
    mode, own, benchmark = torch.get_deterministic_debug_mode(), cudnn.deterministic, cudnn.benchmark
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        cudnn.deterministic, cudnn.benchmark = own, benchmark
