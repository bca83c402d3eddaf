"""Torch's global settings, which belong to the whole process: one user at a time, and restored afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch

from bench.errors import Busy
from bench.hardware.arithmetic import arithmetic_kept
from bench.hardware.determinism import determinism_kept

_IN_USE = threading.Lock()


@contextmanager
def torch_settings_kept() -> Iterator[None]:
    """Restore torch's settings after the block: threads, random generators, gradient mode, default dtype, arithmetic,
    autocast, determinism and current GPU.

    In the block gradients are on, the default dtype is float32, products of float32 are computed in float32, autocast
    is off, and the default device is the CPU, since a run relies on them. Raises Busy while such a block is open
    already, in any thread: both would draw from the same generators.
    """
    if not _IN_USE.acquire(blocking=False):
        raise Busy("another run is under way in this process: wait for its end, or use a process for each run")
    try:
        with _settings_of_a_run():
            yield
    finally:
        _IN_USE.release()


@contextmanager
def _settings_of_a_run() -> Iterator[None]:
    generators, dtype = _generators(), torch.get_default_dtype()
    on_cpu = torch.get_default_device().type == "cpu"  # a device as context makes every call of torch slower
    with (
        using_threads(torch.get_num_threads()),
        arithmetic_kept(),
        _without_autocast(),
        determinism_kept(),
        _current_gpu_kept(),
        torch.inference_mode(False),
        torch.enable_grad(),
        nullcontext() if on_cpu else torch.device("cpu"),
    ):
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            _set_generators(generators)


@contextmanager
def _without_autocast() -> Iterator[None]:
    """In the block an autocast that the user has on, on any kind of device, is off: it would lower float32, too."""
    with ExitStack() as stack:
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


@contextmanager
def _current_gpu_kept() -> Iterator[None]:
    """After the block the current GPU is that before; the first one, where CUDA had not begun."""
    before = torch.cuda.current_device() if torch.cuda.is_initialized() else 0
    try:
        yield
    finally:
        if torch.cuda.is_initialized():
            torch.cuda.set_device(before)


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """In the block torch computes on `count` CPU threads; after it, on the same number as before."""
    before = torch.get_num_threads()
    if count != before:  # the number is the whole process's, and a run may be under way in another thread
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _generators() -> dict[str, list[torch.Tensor]]:
    """The states of torch's global generators, by device; an unused GPU has no state yet."""
    states = {"cpu": [torch.get_rng_state()]}
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = [torch.mps.get_rng_state()]
    return states


def _set_generators(states: dict[str, list[torch.Tensor]]) -> None:
    torch.set_rng_state(states["cpu"][0])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"][0])
