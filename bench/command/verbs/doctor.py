"""Show this machine: its devices, what they can compute in, and what a run sets in torch.

A screen to put beside a question or a figure: versions, devices with the precisions that each has, threads, the
settings under which every run computes, where results go, and optional packages. Nothing is written, and the exit code
is 0 whatever is not there.
"""

from __future__ import annotations

import os
import platform
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.command.parser import Parser
from bench.printable import printable

_WIDTH = 12
_OPTIONAL = {
    "hydra-joblib-launcher": "'bench-sequences[sweep]', for a sweep in several processes",
    "onnxscript": "'bench-sequences[onnx]', for bench export --format=onnx",
}
"""Packages that are not needed, with what pip installs them by and why."""
_VARIABLES = (
    "BENCH_CACHE", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "PYTORCH_ENABLE_MPS_FALLBACK",
)  # fmt: skip
"""Variables of the environment that change where or how a run computes."""


def arguments(parser: Parser) -> None:
    """The results folder."""
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print what is found, a line a fact."""
    from bench.config.catalogue import entry

    for name, fact in _facts(options.results_dir):
        print(entry(name, _WIDTH, printable(fact)))
    return 0


def _facts(results_dir: str) -> Iterator[tuple[str, str]]:
    """Each fact with its name; further lines of a name have none."""
    from bench.results.provenance import git, version, versions

    commit = git()["commit"]
    yield "versions", _listed({**versions(), **({"commit": str(commit)[:12]} if commit else {})})
    yield "system", platform.platform()
    yield from _of_devices()
    yield from _of_torch()
    yield "compiler", _of_compiler()
    yield from _of_nvrtc()
    yield "results", _of_folder(results_dir)
    for name, remedy in _OPTIONAL.items():
        yield "optional", f"{name} {version(name) or f'is not installed: pip install {remedy}'}"
    if found := {name: os.environ[name] for name in _VARIABLES if name in os.environ}:
        yield "variables", _listed(found)


def _of_devices() -> Iterator[tuple[str, str]]:
    """Each device by the name that `hardware.device` takes, the one of `auto` first; each is begun as by a run."""
    from bench.hardware.machine import devices
    from bench.hardware.settings import torch_settings_kept

    with torch_settings_kept():
        for number, name in enumerate(devices()):
            yield "" if number else "devices", f"{name}: {_of_device(name)}" + " (hardware.device=auto)" * (not number)


def _of_device(name: str) -> str:
    """The device's name, what is known of it and what it computes in; or why it does not start."""
    from bench.config.schema import HardwareConfig
    from bench.errors import ConfigError
    from bench.hardware.machine import choose_machine
    from bench.hardware.precisions import precisions
    from bench.hardware.processors import gpu_facts

    try:
        machine = choose_machine(HardwareConfig(device=name))
        known = {key: value for key, value in gpu_facts(machine.device).items() if value is not None}
    except (ConfigError, RuntimeError) as error:
        return str(error).partition("\n")[0]
    about = f" ({_listed(known)})" * bool(known)
    return f"{machine.name}{about}; hardware.precision={'|'.join(precisions(machine.device))}"


def _of_torch() -> Iterator[tuple[str, str]]:
    """Threads, and the settings of torch under which a run computes, where its options ask for no others."""
    import torch

    from bench.config.schema import HardwareConfig
    from bench.hardware.arithmetic import arithmetic, set_arithmetic
    from bench.hardware.determinism import determinism, set_determinism
    from bench.hardware.settings import torch_settings_kept

    own = HardwareConfig()
    yield "threads", f"a run has {own.threads} (hardware.threads); this machine has {os.cpu_count()} logical processors"
    with torch_settings_kept():
        set_arithmetic(own.precision)
        set_determinism(own.deterministic, torch.device("cpu").type)
        yield "a run sets", f"for hardware.precision={own.precision}: {_listed(arithmetic())}"
        yield "", f"for hardware.deterministic={str(own.deterministic).lower()}: {_listed(determinism())}"


def _of_compiler() -> str:
    """The C++ compiler of unroll=kernels, or what brings one."""
    from bench.kernels.compiler import NoCompiler, compiler, version

    try:
        return f"{version()} ({' '.join(compiler())}), for unroll=kernels"
    except NoCompiler as error:
        return str(error)


def _of_nvrtc() -> Iterator[tuple[str, str]]:
    """Where there is an NVIDIA GPU, the compiler of its kernels, or what brings one."""
    import torch

    if not torch.cuda.is_available() or torch.version.hip:
        return
    from bench.kernels import nvrtc
    from bench.kernels.compiler import NoCompiler

    try:
        yield "", f"{nvrtc.version()}, for unroll=kernels on a GPU"
    except NoCompiler as error:
        yield "", str(error)


def _of_folder(results_dir: str) -> str:
    """How many runs the results folder has, and what keeps a run from being read or written there."""
    from bench.results.store import Store

    runs, place = Store(results_dir).runs.absolute(), Path(results_dir).absolute()
    try:
        with os.scandir(runs) as found:
            count = sum(1 for each in found if each.is_dir() and not each.name.startswith("."))
    except FileNotFoundError:
        count = 0
    except OSError as error:
        return f"{place} cannot be read: {error.strerror}"
    there = next(folder for folder in (runs, *runs.parents) if folder.is_dir())
    writable = "" if os.access(there, os.W_OK) else f"; {there} cannot be written"
    return f"{place} has {count} run{'s' * (count != 1)}{writable}"


def _listed(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_in_words(value)}" for name, value in facts.items())


def _in_words(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | None) else str(value)
