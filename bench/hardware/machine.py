"""The machine that a run uses: its device and its arithmetic, its name, and the facts about it for the record."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace

import torch

from bench.config.schema import HardwareConfig
from bench.errors import ConfigError, asked, same
from bench.hardware.arithmetic import arithmetic, set_arithmetic
from bench.hardware.determinism import determinism, set_determinism
from bench.hardware.precisions import WEIGHTS, lack, precisions
from bench.hardware.processors import cpu_name, gpu_facts
from bench.hardware.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Machine:
    """The device, precision and number of CPU threads of a run, and whether it gives the same bits every time."""

    device: torch.device
    precision: str
    threads: int
    deterministic: bool = False
    ranks: Ranks = ALONE
    """The processes that share the run, each on a device like this one."""

    @property
    def alone(self) -> Machine:
        """This one device, without those of the other ranks."""
        return replace(self, ranks=ALONE)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return WEIGHTS[self.precision]

    @property
    def product_dtype(self) -> torch.dtype:
        """The dtype of the factors of products."""
        return torch.bfloat16 if self.precision == "bfloat16" else self.dtype

    def autocast(self) -> AbstractContextManager[object]:
        """A context with autocast to bfloat16 for `precision=bfloat16`, else one without any, not even a user's own."""
        wanted = self.precision == "bfloat16"
        if not wanted and not torch.is_autocast_enabled(self.device.type):
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted)

    @property
    def queues(self) -> bool:
        """Whether the device computes while the host goes on, so that work has to be waited for."""
        return self.device.type != "cpu"

    @property
    def counts_memory(self) -> bool:
        """Whether the most memory in use is known: all but MPS count it."""
        return self.device.type != "mps"

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
        """Restore generator states that `random_state` returned: on another kind of device, only that of the CPU.

        A run may go on on another device than it began on, and a state of another kind has another size.
        """
        torch.set_rng_state(states[0])
        own = self.random_state()
        if len(states) < 2 or len(own) < 2 or states[1].shape != own[1].shape:
            return
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(states[1], self.device)
        else:
            torch.mps.set_rng_state(states[1])

    @property
    def name(self) -> str:
        """The name of the processor that computes: the GPU, or the chip that a CPU and MPS are parts of."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else cpu_name()

    @property
    def kind(self) -> str:
        """The part of the machine on which a result depends: the CPU, or a kind of GPU by its name, and how many."""
        one = "cpu" if self.device.type == "cpu" else f"{self.device.type} {self.name}"
        return self._several + one

    @property
    def label(self) -> str:
        """How many, processors, device, threads and precision; the leaderboard keeps runs with different labels apart.

        The host's processor is named beside a GPU: it starts each operation there, and so bounds a loop over time.
        """
        threads = f" {self.threads} thread{'s' * (self.threads > 1)}" if self.device.type == "cpu" else ""
        host = f" with {cpu_name()}" if self.device.type == "cuda" else ""
        deterministic = " deterministic" if self.deterministic else ""
        return f"{self._several}{self.name}{host}, {self.device.type}{threads} {self.precision}{deterministic}"

    @property
    def _several(self) -> str:
        return f"{self.ranks.count}x " if self.ranks.count > 1 else ""

    def facts(self) -> Mapping[str, object]:
        """The facts about the machine for the record.

        `cores` is the number of logical CPUs; `host` is the name of the processor that they belong to.
        """
        return {
            "device": str(self.device),
            "devices": self.ranks.count,
            "name": self.name,
            "threads": self.threads,
            "precision": self.precision,
            "arithmetic": arithmetic(),
            "determinism": determinism(),
            "host": cpu_name(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            **gpu_facts(self.device),
        }


def choose_machine(config: HardwareConfig, ranks: Ranks = ALONE) -> Machine:
    """The machine of `hardware.device` (auto: CUDA, else MPS, else CPU); of several ranks each has a GPU of its own.

    Sets torch's threads, arithmetic, determinism and current device. Raises ConfigError if the device is unknown or not
    on this machine, does not start, or lacks the precision.
    """
    device = _find(config.device) if ranks.count == 1 else _own(config.device, ranks)
    set_determinism(config.deterministic, device.type)  # before CUDA begins
    _begin(device)
    if lacks := lack(device, config.precision):
        have = ", ".join(precisions(device))
        raise ConfigError(f"hardware.precision={config.precision}: {lacks}; {device} has {have}")
    torch.set_num_threads(config.threads)
    set_arithmetic(config.precision)
    return Machine(device, config.precision, config.threads, config.deterministic, ranks)


def give_back_memory() -> None:
    """Give back the GPU memory of tensors that nobody reaches any more: the next run of the process may need it.

    Objects that reach each other, as those of a run do, live until Python looks for such, which it does by their number
    and not by their size.
    """
    if torch.cuda.is_initialized():
        gc.collect()
        with suppress(torch.AcceleratorError):  # after an error in a kernel each call fails, and the run has said so
            torch.cuda.empty_cache()


def devices() -> list[str]:
    """The devices of this machine, in the order in which `hardware.device=auto` would choose."""
    gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    mps = torch.backends.mps.is_available()
    return [*(f"cuda:{number}" if number else "cuda" for number in gpus), *["mps"] * mps, "cpu"]


def _find(wanted: str) -> torch.device:
    """The device of this name; ConfigError where this machine has none."""
    if wanted != "cpu" and torch.cuda._is_in_bad_fork():  # in which CUDA seems not to be there
        raise ConfigError(
            f"hardware.device={wanted}: this process was forked from one in which CUDA had begun: start processes by "
            "spawn, or by joblib's loky, or set hardware.device=cpu"
        )
    have = devices()
    name = have[0] if wanted == "auto" else wanted
    if name.removesuffix(":0") not in have:
        there_are = ["auto", *have]
        hint = asked(same(wanted, there_are))
        raise ConfigError(f"hardware.device={wanted} is not on this machine{hint}; it has {', '.join(there_are)}")
    return torch.device(name)


def _own(wanted: str, ranks: Ranks) -> torch.device:
    """The device of one of several ranks; ConfigError where there is none for it."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        wanted = "cuda" if gpus else "cpu"
    if wanted not in ("cuda", "cpu"):
        raise ConfigError(
            f"hardware.device={wanted}: of {ranks.count} processes each has a device of its own: set auto, cuda or cpu"
        )
    if wanted == "cpu":
        return torch.device("cpu")
    if gpus < ranks.beside:
        raise ConfigError(
            f"hardware.device={wanted}: torchrun has started {ranks.beside} processes on a machine with {gpus} GPUs, "
            f"and each takes one: lower --nproc-per-node, or set hardware.device=cpu"
        )
    return torch.device("cuda", ranks.local)


def _begin(device: torch.device) -> None:
    """Make `device` the current one, for whatever names none; ConfigError where it does not start."""
    try:
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)
        torch.empty(1, device=device)
    except RuntimeError as error:
        cause = str(error).splitlines()[0]
        raise ConfigError(
            f"hardware.device={device} does not start: {cause}; choose another of {', '.join(devices())}"
        ) from error
