"""Why a run failed, in a line: an error of the harness as it is, an unexpected one with its remedy or its place."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import torch

from bench.errors import BenchError, Failed

_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|_STATUS_ALLOC_FAILED")
_WANTED = re.compile(r"tried to allocate ([\d.]+ ?\w+)", re.IGNORECASE)
NEEDS_LESS = (
    "lower batch_size (accumulate=N makes one update of N batches), set bptt.checkpoint=true, or lower model.hidden"
)
_NO_SUCH_FORM = re.compile(r"(\S+) does not have a deterministic implementation")


def reason_of(error: BaseException) -> str:
    """An unexpected error in a line; with its place where its own text says little, as that of a KeyError does."""
    said = str(error)
    if is_out_of_memory(error):
        wanted = _WANTED.search(said)
        return f"no room for {f'{wanted[1]} ' if wanted else ''}more: {NEEDS_LESS}"
    if isinstance(error, BenchError):
        return said
    if isinstance(error, RuntimeError) and (operation := _NO_SUCH_FORM.search(said)):
        return (
            f"hardware.deterministic=true: {operation[1]} has no deterministic form on this device; "
            "set it to false, or choose another cell or unroll=eager"
        )
    text = "".join(traceback.format_exception_only(error)).splitlines()[0]
    missing = " is not there" * isinstance(error, KeyError)
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or not (missing or text == type(error).__name__):
        return text
    return f"{text}{missing} ({Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name})"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device's or the machine's memory was too small, also within code of a task that Failed then; torch
    has an error of its own for CUDA alone.
    """
    if isinstance(error, Failed) and error.__cause__ is not None:
        return is_out_of_memory(error.__cause__)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and bool(_OUT_OF_MEMORY.search(str(error)))
