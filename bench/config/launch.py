"""Jobs that Hydra runs: sweeps, in the processes of its launchers, and its own flags such as `--cfg job`."""

from __future__ import annotations

import math
import os
import re
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from bench.config import packages
from bench.config.compose import VERSION, compose, explained, flags_first, options_of, register
from bench.config.keywords import quoted
from bench.config.options import Member, Options
from bench.config.sweeps.jobs import EngineLauncher
from bench.config.sweeps.members import for_their_members
from bench.config.sweeps.shard import Shard, take_shard
from bench.errors import BenchError, ConfigError, StoreError


class SweepFolder(Callback):
    """Keeps a sweep's number of members and its folder, in the process that started it."""

    members: int | None = None
    last: Path | None = None
    beside: bool = False
    """Whether the members run in other processes."""
    on_start: Callable[[Path, bool], None] | None = None
    """Called with the folder of a sweep, and whether its members will run in other processes."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())  # it expands globs
        overrides = parser.parse_overrides([*config.hydra.overrides.task])
        sweeps = [override for override in overrides if override.is_discrete_sweep()]
        SweepFolder.members = math.prod(len([*override.sweep_string_iterator()]) for override in sweeps)
        if shard := config.hydra.sweeper.get("shard"):
            SweepFolder.members = len(Shard.parse(shard).share(range(SweepFolder.members)))
        SweepFolder.last = Path(config.hydra.sweep.dir)
        SweepFolder.beside = not config.hydra.launcher._target_.endswith(".BasicLauncher")
        EngineLauncher.refused = None
        if SweepFolder.on_start is not None:
            try:
                SweepFolder.on_start(SweepFolder.last, SweepFolder.beside)
            except BenchError as error:  # Hydra would warn of it and go on
                EngineLauncher.refused = error


def run_hydra(
    arguments: list[str],
    job: Callable[[Options], float | None],
    on_start: Callable[[Path, bool], None] | None = None,
    another: Callable[[Path], bool] = lambda folder: False,
) -> Path | None:
    """Compose `arguments` and call `job` once, or let Hydra call it for each member of a sweep.

    Returns the folder of the sweep, or None for a single run. What `job` returns goes to Hydra's sweeper.
    `another` is asked after the members of a launcher's processes have ended, with the folder of the sweep, whether to
    start them once more.
    `on_start` is called before with the folder of a sweep, and whether its members run in other processes; a BenchError
    that it raises is raised before any member runs.

    Raises ConfigError, in one line, for wrong arguments, and StoreError where the sweep's folder cannot be written.
    """
    arguments, shard = take_shard(arguments)
    arguments = flags_first(arguments)
    if not any(re.match(r"-|[+~]*hydra[./=@]", argument) for argument in arguments):
        job(compose(arguments))
        return None
    if any(re.match(r"--config-(name|path)\b|-c?n\b", argument) for argument in arguments):
        raise ConfigError("--config-name and --config-path: the main file is fixed; give options, or --config-dir=PATH")
    _refuse_targets(arguments)
    arguments = for_their_members(arguments)
    arguments = [*arguments, *_clip_in_full(arguments), *([f"++hydra.sweeper.shard={shard}"] if shard else [])]
    escaped: list[Exception] = []
    parent = this_process()

    def hydra_job(node: DictConfig) -> float | None:
        try:
            return job(_options_of_job(node, arguments))
        except Exception as error:
            if this_process() != parent:
                raise
            escaped.append(error)  # Hydra would print a line of its own
        return None

    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's own printer
    SweepFolder.last, SweepFolder.members, SweepFolder.on_start = None, None, on_start
    before, sys.argv = sys.argv, ["bench", *arguments]
    try:
        with explained(arguments):
            main = hydra.main(version_base=VERSION, config_path=str(packages.built_in().conf), config_name="config")
            _in_rounds(main(hydra_job), another)
    except (RuntimeError, AssertionError) as error:
        if "hydra" not in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parts:
            raise
        cause = str(error) or "one of them is wrong"
        raise ConfigError(f"Hydra cannot start the runs with these hydra.* options: {cause}") from None
    except OSError as error:
        raise StoreError(f"cannot write the sweep's folder: {error}; choose another one with results_dir=...") from None
    finally:
        sys.argv = before
    if escaped:
        raise escaped[0]
    return SweepFolder.last


def this_process() -> tuple[str, int]:
    """What tells this process from those of a launcher, also on other machines, where one may have the same number."""
    return socket.gethostname(), os.getpid()


def _in_rounds(main: Callable[[], Any], another: Callable[[Path], bool]) -> None:
    """Call `main`, and again in the same folder where there is to be `another` round over processes of a launcher."""
    main()
    while (folder := SweepFolder.last) is not None and SweepFolder.beside and another(folder):
        if (place := f"hydra.sweep.dir={quoted(str(folder))}") not in sys.argv:
            sys.argv.append(place)
        main()


def _refuse_targets(arguments: list[str]) -> None:
    """Raise ConfigError where an option of Hydra's names a class that is none of its launchers and sweepers."""
    known = {f"{each.__module__}.{each.__qualname__}" for each in Plugins.instance().discover()}
    for argument in arguments:
        if re.match(r"[+~]*hydra[./=@]", argument):
            for target in re.findall(r"_target_['\"]?\s*[=:]\s*['\"]?([^,}'\"\s]*)", argument):
                if target not in known:
                    choose = "choose a launcher by its name, as in hydra/launcher=joblib"
                    raise ConfigError(f"{argument}: {target} is no launcher or sweeper of Hydra's; {choose}")


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
