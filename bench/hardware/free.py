"""The memory that is free for a run, as far as the system tells."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.hardware.load import Gauge, text_of
from bench.hardware.machine import Machine


def free_bytes(machine: Machine, gauge: Gauge | None = None) -> int | None:
    """The bytes that this process could still have where the machine computes; None where the system does not tell.

    Of CUDA they are those of the driver, with what torch's allocator keeps for later. On Linux they are what the kernel
    calls available, or less where a limit of the process's control group leaves less.
    """
    if machine.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(machine.device)
        kept = torch.cuda.memory_reserved(machine.device) - torch.cuda.memory_allocated(machine.device)
        return free + kept
    if machine.device.type != "cpu":
        return None
    gauge = gauge or Gauge()
    available = _line(text_of(gauge.proc / "meminfo"), "MemAvailable:")
    return min((() if available is None else (available * 1024,)) + tuple(_left_by_limits(gauge)), default=None)


def _left_by_limits(gauge: Gauge) -> Iterator[int]:
    """What each limit leaves; files that were read and could be dropped are no use of memory."""
    for folder in dict.fromkeys(gauge.groups()):
        limit, used = text_of(folder / "memory.max").strip(), text_of(folder / "memory.current").strip()
        if limit.isdecimal() and used.isdecimal():
            dropped = _line(text_of(folder / "memory.stat"), "inactive_file") or 0
            yield max(0, int(limit) - int(used) + dropped)


def _line(text: str, name: str) -> int | None:
    """The number in the line that begins with a name."""
    words = (line.split() for line in text.splitlines())
    return next((int(each[1]) for each in words if len(each) > 1 and each[0] == name), None)
