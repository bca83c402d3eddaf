"""Restoring torch's global settings: a run in a notebook must not change the cells after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_settings_kept() -> Iterator[None]:
    """Restore torch's threads, random generators, gradient mode and default dtype after the block.

    In the block gradients are on and the default dtype is float32, since a run relies on both.
    """
    generators, dtype = _generators(), torch.get_default_dtype()
    with using_threads(torch.get_num_threads()), torch.inference_mode(False), torch.enable_grad():
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            _set_generators(generators)


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """In the block torch computes on `count` CPU threads; after it, on the same number as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
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
