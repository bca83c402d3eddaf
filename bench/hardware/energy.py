"""The energy that a processor has used, by its own counter, where it has one that may be read."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.hardware.machine import Machine

_RAPL = Path("/sys/class/powercap")

Counter = Callable[[], float]
"""Joules since some moment in the past."""


def energy_counter(machine: Machine) -> Counter | None:
    """The counter of the processor that computes; None where there is none, or it may not be read.

    NVIDIA GPUs count their own energy (NVML, by the package `nvidia-ml-py`), Intel's and AMD's CPUs that of a whole
    package (RAPL, which Linux often lets root alone read): what else it computes meanwhile is included.
    """
    if machine.device.type == "cuda":
        return _of_gpu(machine.device)
    return _of_packages() if machine.device.type == "cpu" else None


def _of_packages() -> Counter | None:
    zones = [_Zone(path) for path in sorted(_RAPL.glob("*-rapl:*")) if path.name.count(":") == 1]
    try:
        for zone in zones:
            zone.joules()
    except (OSError, ValueError):
        return None
    return (lambda: sum(zone.joules() for zone in zones)) if zones else None


class _Zone:
    """A package, whose counter begins anew at its largest value: it is to be read more often than that, in minutes."""

    def __init__(self, path: Path) -> None:
        self._path, self._last, self._turns = path, 0, 0

    def joules(self) -> float:
        now = int((self._path / "energy_uj").read_text())
        self._turns += now < self._last
        self._last = now
        return (now + self._turns * int((self._path / "max_energy_range_uj").read_text())) / 1e6


def _of_gpu(device: torch.device) -> Counter | None:
    try:
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # not installed, no driver, a GPU without a counter, a part of one: each is an error of its own
        return None
    return lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
