"""The GPU of the tests that settle what only a GPU can: a real one where there is one, else a simulated one.

`python -m pytest tests/gpu -n0 -m gpu -rs -s` is to take at most ten minutes on one H100, and prints what it measured.
Where there is no GPU, all of it is skipped; the same bodies then run on a simulated one, as slow tests, so that they do
run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from simulated import simulated_gpu

from bench.hardware.determinism import WORKSPACE


@dataclass(frozen=True)
class Gpu:
    """`device` is the device's name. What only a `real` one has, such as its own arithmetic, is held only there."""

    real: bool
    device: str = "cuda"

    def some(self, values: Sequence[Any]) -> Sequence[Any]:
        """All values on a real GPU; a few of a simulated one, which is slow and finds only what no op can do there."""
        return values if self.real else values[:: len(values) // 2 + 1]


@pytest.fixture(
    params=[pytest.param(True, marks=pytest.mark.gpu), pytest.param(False, marks=pytest.mark.slow)],
    ids=["real", "simulated"],
)
def gpu(request: pytest.FixtureRequest) -> Iterator[Gpu]:
    """A GPU: a real one, or where there is none a simulated one."""
    real = request.param
    if real and not torch.cuda.is_available():
        pytest.skip("torch finds no NVIDIA GPU on this machine")
    if not real and torch.cuda.is_available():
        pytest.skip("there is a real GPU")
    if real:
        os.environ.setdefault(WORKSPACE, ":4096:8")  # read once, when CUDA begins
    with nullcontext() if real else simulated_gpu():
        yield Gpu(real)


@pytest.fixture
def gpu_for_runs(gpu: Gpu, request: pytest.FixtureRequest) -> Gpu:
    """The GPU of a test of whole runs, each of which takes seconds on a simulated one: there, where it is named."""
    if not gpu.real and not any("gpu" in Path(argument).name for argument in request.config.args):
        pytest.skip("takes long on a simulated GPU: python -m pytest tests/gpu runs it")
    return gpu
