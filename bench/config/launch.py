"""Jobs that Hydra runs: sweeps, in the processes of its launchers, and its own flags such as `--cfg job`."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from bench.config import packages
from bench.config.compose import VERSION, compose, explained, flags_first, options_of, register
from bench.config.options import Member, Options
from bench.errors import ConfigError, StoreError


class SweepFolder(Callback):
    """Keeps a sweep's number of members, and the folder once the sweep has ended, in the process that started it."""

    members: int | None = None
    last: Path | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())  # it expands globs
        overrides = parser.parse_overrides([*config.hydra.overrides.task])
        sweeps = [override for override in overrides if override.is_discrete_sweep()]
        SweepFolder.members = math.prod(len([*override.sweep_string_iterator()]) for override in sweeps)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        SweepFolder.last = Path(config.hydra.sweep.dir)


def run_hydra(arguments: list[str], job: Callable[[Options], None]) -> Path | None:
    """Compose `arguments` and call `job` once, or let Hydra call it for each member of a sweep.

    Returns the folder of the sweep, or None for a single run. Raises ConfigError, in one line, for wrong arguments, and
    StoreError where the sweep's folder cannot be written.
    """
    arguments = flags_first(arguments)
    if not any(re.match(r"-|[+~]*hydra[./=@]", argument) for argument in arguments):
        job(compose(arguments))
        return None
    if any(re.match(r"--config-(name|path)\b|-c?n\b", argument) for argument in arguments):
        raise ConfigError("--config-name and --config-path: the main file is fixed; give options, or --config-dir=PATH")
    arguments = [*arguments, *_clip_in_full(arguments)]
    escaped: list[Exception] = []
    parent = os.getpid()

    def hydra_job(node: DictConfig) -> None:
        try:
            job(_options_of_job(node, arguments))
        except Exception as error:
            if os.getpid() != parent:
                raise
            escaped.append(error)  # Hydra would print a line of its own

    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's own printer
    SweepFolder.last = SweepFolder.members = None
    before, sys.argv = sys.argv, ["bench", *arguments]
    try:
        with explained(arguments):
            main = hydra.main(version_base=VERSION, config_path=str(packages.built_in().conf), config_name="config")
            main(hydra_job)()
    except OSError as error:
        raise StoreError(f"cannot write the sweep's folder: {error}; choose another one with results_dir=...") from None
    finally:
        sys.argv = before
    if escaped:
        raise escaped[0]
    return SweepFolder.last


def _clip_in_full(arguments: list[str]) -> list[str]:
    """Options that set every form of clipping to its size in a run of `arguments`, where Hydra prints these sizes.

    None where it prints no options of a run, or refuses the flags.
    """
    given = get_args_parser().parse_args(arguments)
    folder = Path(given.config_dir) if given.config_dir is not None else None
    if given.cfg not in ("job", "all") or given.multirun or (folder is not None and not folder.is_dir()):
        return []
    forms = asdict(compose(given.overrides, folder).config.clip)
    return [f"clip.{form}={'null' if size is None else size}" for form, size in forms.items()]


def _options_of_job(node: DictConfig, arguments: list[str]) -> Options:
    """The options of a job that Hydra runs, in this process or in a process of a launcher."""
    settings = HydraConfig.get()
    options = options_of(node, settings, GlobalHydra.instance().config_loader(), arguments)
    if settings.mode != RunMode.MULTIRUN:
        return options
    folder = Path(settings.runtime.output_dir)
    return replace(options, member=Member(int(settings.job.num) + 1, SweepFolder.members, folder))
