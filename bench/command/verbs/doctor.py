"""Show this machine, what a run sets in torch, and whether speeds can be trusted here.

A screen to put beside a question or a figure: versions, devices with the precisions that each has, threads, libraries,
the settings under which every run computes, where results go, and optional packages. Then the load and the clock of the
processors, a test of the timer (one piece of work measured twice has to be found equal), and what would make speeds
measured here unreliable, each with its remedy; with hardware.threads=N, of runs on so many threads. Nothing is written,
and the exit code is 0 whatever is found.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.command.overrides import add_overrides, refuse_others
from bench.command.parser import Parser
from bench.printable import printable

if TYPE_CHECKING:
    from bench.config.schema import HardwareConfig

_PATTERNS = ("hardware.threads=N",)
_WIDTH = 12
_LOOK = 0.5  # seconds for which the load is looked at
_OPTIONAL = {
    "onnxscript": "'bench-sequences[onnx]', for bench export --format=onnx",
    "optuna": "'bench-sequences[tune]', for bench tune",
    "ray": "'bench-sequences[ray]', for a sweep on a Ray cluster",
    "submitit": "'bench-sequences[slurm]', for a sweep on a SLURM cluster",
}
"""Packages that are not needed, with what pip installs them by and why."""
_VARIABLES = (
    "BENCH_CACHE", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "PYTORCH_ENABLE_MPS_FALLBACK",
)  # fmt: skip
"""Variables of the environment that change where or how a run computes."""


def arguments(parser: Parser) -> None:
    """The threads, the results folder and the format."""
    add_overrides(parser, _PATTERNS)
    parser.add_results_dir()
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: Namespace) -> int:
    """Print what is found, a line a fact."""
    from bench.config.catalogue import entry

    own = _hardware(options.overrides)
    facts, trust = list(_facts(options.results_dir, own)), _trust(own)
    if options.json:
        print(json.dumps({**_grouped(facts), **trust}, indent=2))
        return 0
    for name, fact in (*facts, *_in_lines(trust)):
        print(entry(name, _WIDTH, printable(fact)))
    return 0


def _hardware(given: Sequence[str]) -> HardwareConfig:
    """The hardware of a run, on the CPU, with the options that were given."""
    from bench.config.schema import HardwareConfig

    refuse_others("doctor", given, _PATTERNS)
    if not given:
        return HardwareConfig(device="cpu")
    from bench.config.compose import compose
    from bench.config.rules import validate

    return replace(validate(compose([*given]).config).hardware, device="cpu")


def _grouped(facts: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The lines of each name."""
    found: dict[str, list[str]] = {}
    for name, fact in facts:
        found.setdefault(name or [*found][-1], []).append(fact)
    return found


def _trust(own: HardwareConfig) -> dict[str, Any]:
    """The load of the machine while nothing is done here, the test of the timer, and what makes speeds unreliable."""
    from bench.hardware.advice import advice, governors
    from bench.hardware.load import Gauge, between
    from bench.hardware.machine import choose_machine
    from bench.hardware.settings import torch_settings_kept
    from bench.measure.aa import same_twice

    gauge = Gauge()
    before = gauge.read()
    time.sleep(_LOOK)
    idle = between(before, gauge.read(), gauge.cores)
    with torch_settings_kept():
        same = same_twice(choose_machine(own), gauge)
    found = advice(gauge, idle, own.threads, same.ratio, same.marks)
    return {
        "load": {**idle, "governor": sorted(governors(gauge.sys))},
        "timer": {**same.ratio._asdict(), "marks": same.marks, "load": same.load},
        "unreliable": [each._asdict() for each in found],
    }


def _in_lines(trust: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    load, timer = trust["load"], trust["timer"]
    known = {
        "others have": None if load["others"] is None else f"{load['others']:.1f} of {load['cores']} cores",
        "load average": load["load"][1],
        "pressure": load["pressure"][2],
        "MHz": load["mhz"][1],
        "governor": ", ".join(load["governor"]) or None,
    }
    yield "load", _listed({name: value for name, value in known.items() if value is not None})
    half = (timer["high"] - timer["low"]) / 2
    yield "timer", f"the same work measured twice: ratio {timer['median']:.3f} ±{half:.3f}"
    for number, each in enumerate(trust["unreliable"]):
        yield "" if number else "unreliable", f"{each['finding']}: {each['remedy']}"


def _facts(results_dir: str, own: HardwareConfig) -> Iterator[tuple[str, str]]:
    """Each fact with its name; further lines of a name have none."""
    from bench.results.provenance import git, version, versions

    commit = git()["commit"]
    yield "versions", _listed({**versions(), **({"commit": str(commit)[:12]} if commit else {})})
    yield "system", platform.platform()
    yield from _of_devices()
    yield from _of_torch(own)
    yield "libraries", _of_libraries()
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


def _of_torch(own: HardwareConfig) -> Iterator[tuple[str, str]]:
    """Threads, and the settings of torch under which a run computes, where its options ask for no others."""
    import torch

    from bench.hardware.arithmetic import arithmetic, set_arithmetic
    from bench.hardware.determinism import determinism, set_determinism
    from bench.hardware.settings import torch_settings_kept

    yield "threads", f"a run has {own.threads} (hardware.threads); this machine has {os.cpu_count()} logical processors"
    with torch_settings_kept():
        set_arithmetic(own.precision)
        set_determinism(own.deterministic, torch.device("cpu").type)
        yield "a run sets", f"for hardware.precision={own.precision}: {_listed(arithmetic())}"
        yield "", f"for hardware.deterministic={str(own.deterministic).lower()}: {_listed(determinism())}"


def _of_libraries() -> str:
    """What computes products on the CPU: BLAS, oneDNN, threads, and the instructions that torch chose."""
    import torch

    built = torch.__config__.show()
    blas, dnn = re.search(r"BLAS_INFO=(\w+)", built), re.search(r"(?:MKL-DNN|oneDNN) v([\d.]+)", built)
    return _listed(
        {
            "BLAS": blas[1] if blas else "none",
            "oneDNN": dnn[1] if dnn else "none",
            "OpenMP": torch.backends.openmp.is_available(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        }
    )


def _of_compiler() -> str:
    """The C++ compiler of unroll=kernels, which compiles a function here; or what keeps it from that, or brings one."""
    from bench.api import cache_folder
    from bench.kernels.compiler import NoCompiler, compiled, compiler, version

    try:
        compiled('extern "C" void nothing() {}\n', cache_folder() / "kernels")
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
