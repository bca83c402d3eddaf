"""The machine that a run uses: its device, precision and name, and the facts about it for the record."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError
from bench.hardware.arithmetic import arithmetic, set_arithmetic
from bench.hardware.precisions import WEIGHTS, lack, precisions


@dataclass(frozen=True)
class Machine:
    """The device, precision and number of CPU threads of a run."""

    device: torch.device
    precision: str
    threads: int

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return WEIGHTS[self.precision]

    def autocast(self) -> AbstractContextManager[object]:
        """A context with autocast to bfloat16 for `precision=bfloat16`, else one without effect."""
        if self.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def random_state(self) -> list[torch.Tensor]:
        """The state of torch's global generators, on the CPU and on the device."""
        states = [torch.get_rng_state()]
        if self.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.device))
        elif self.device.type == "mps":
            states.append(torch.mps.get_rng_state())
        return states

    def set_random_state(self, states: list[torch.Tensor]) -> None:
        """Restore generator states that `random_state` returned."""
        torch.set_rng_state(states[0])
        if self.device.type == "cuda" and len(states) > 1:  # a run may resume on another device
            torch.cuda.set_rng_state(states[1], self.device)
        elif self.device.type == "mps" and len(states) > 1:
            torch.mps.set_rng_state(states[1])

    @property
    def name(self) -> str:
        """The processor's name."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else cpu_name()

    @property
    def label(self) -> str:
        """Processor, device, threads and precision; the leaderboard keeps runs with different labels apart."""
        threads = f" {self.threads} thread{'s' * (self.threads > 1)}" if self.device.type == "cpu" else ""
        return f"{self.name}, {self.device.type}{threads} {self.precision}"

    def facts(self) -> Mapping[str, object]:
        """The facts about the machine for the record; `cores` is the number of logical CPUs."""
        return {
            "device": str(self.device),
            "name": self.name,
            "threads": self.threads,
            "precision": self.precision,
            "arithmetic": arithmetic(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        }


def choose_machine(config: HardwareConfig) -> Machine:
    """The machine of `hardware.device` (auto: CUDA, else MPS, else CPU); sets torch's threads and arithmetic.

    Raises ConfigError if the device is unknown or not on this machine, or lacks the precision.
    """
    available = [
        n for n, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if there
    ]
    available.append("cpu")
    wanted = available[0] if config.device == "auto" else config.device
    try:
        device = torch.device(wanted)
        if device.type not in available:
            raise RuntimeError
        torch.empty(1, device=device)
    except RuntimeError:
        have = ", ".join(["auto", *available])
        raise ConfigError(f"hardware.device={wanted} is not on this machine; it has {have}") from None
    if lacks := lack(device, config.precision):
        have = ", ".join(precisions(device))
        raise ConfigError(f"hardware.precision={config.precision}: {lacks}; {device} has {have}")
    torch.set_num_threads(config.threads)
    set_arithmetic(config.precision)
    return Machine(device, config.precision, config.threads)


@cache
def cpu_name() -> str:
    """The model name of the processor, from the operating system."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
