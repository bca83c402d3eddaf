"""The names of a machine's processors, and what an NVIDIA GPU and its driver say of themselves."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

_ASKED = {
    "driver": "driver_version",
    "mig": "mig.mode.current",
    "power_limit_w": "power.limit",
    "clock_mhz": "clocks.current.sm",
    "most_clock_mhz": "clocks.max.sm",
    "memory_clock_mhz": "clocks.current.memory",
}
"""The facts that `nvidia-smi` knows, by their names in a record, with their names there."""

_OF_TORCH = ("cuda", "cudnn", "capability", "memory_mib", "multiprocessors")
_SECONDS = 10.0


@cache
def cpu_name() -> str:
    """The model name of the processor, from the operating system; on a Mac that of the chip."""
    if platform.system() == "Darwin" and (chip := _printed_by("sysctl", "-n", "machdep.cpu.brand_string")):
        return chip
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def gpu_facts(device: torch.device) -> dict[str, Any]:
    """What a record states of a GPU: versions of CUDA, cuDNN and the driver, its size, its limits and its clocks.

    Clocks are those at this moment, beside the highest. None for all that is not known, and for all on a CPU.
    """
    facts: dict[str, Any] = dict.fromkeys([*_OF_TORCH, *_ASKED])
    if device.type != "cuda":
        return facts
    properties = torch.cuda.get_device_properties(device)
    facts |= {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "capability": f"{properties.major}.{properties.minor}",
        "memory_mib": properties.total_memory // 2**20,
        "multiprocessors": properties.multi_processor_count,
    }
    return facts | _of_driver(str(getattr(properties, "uuid", "")))


def _of_driver(uuid: str) -> dict[str, str | float | None]:
    """What the driver says of the GPU with this `uuid`, which is its name whatever `CUDA_VISIBLE_DEVICES` hides.

    A part of a GPU (MIG) has a name that the driver does not know: then of the only GPU, where there is but one.
    """
    ask = ("nvidia-smi", f"--query-gpu={','.join(_ASKED.values())}", "--format=csv,noheader,nounits")
    values = (_printed_by(*ask, f"--id=GPU-{uuid.removeprefix('GPU-')}") or _printed_by(*ask)).split(", ")
    if len(values) != len(_ASKED):
        return {}
    return {name: _number_or_text(name, value) for name, value in zip(_ASKED, values, strict=True)}


def _number_or_text(name: str, value: str) -> str | float | None:
    if value.startswith("["):  # [N/A], or [Not Supported]
        return None
    try:
        return float(value) if name.endswith(("_w", "_mhz")) else value
    except ValueError:
        return None


def _printed_by(*command: str) -> str:
    """What a command prints; nothing where it is not there, fails or hangs."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()
