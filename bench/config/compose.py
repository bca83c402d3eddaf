"""Composing a run's configuration with Hydra: one job, or a sweep of them."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench.config import packages
from bench.config.explain import OF_CLASSES, default_choices, explain, refuse_unknown
from bench.config.schema import Config
from bench.config.tree import Tree, flatten
from bench.errors import BenchError, ConfigError, StoreError, did_you_mean


@dataclass(frozen=True)
class Composed:
    """One run as composed: the whole tree, the chosen name of each group, and what differs from their defaults."""

    tree: Tree
    choices: Mapping[str, str]
    changed: Tree
    sweep_folder: Path | None
    """The job's own folder, named by its number, in a sweep's; None outside sweeps."""
    members: int | None = None
    """How many members the sweep has, where this process knows."""


class PackagePaths(SearchPathPlugin):
    """Lets Hydra find the groups of third-party packages, after our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for package in packages.third_party():
            search_path.append(provider=package.name, path=f"file://{package.conf}")


class SweepFolder(Callback):
    """Keeps, for the process that started it, how many members a sweep has and the folder of the one that ended."""

    members: int | None = None
    last: Path | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        overrides = OverridesParser.create().parse_overrides([*config.hydra.overrides.task])
        sweeps = [override for override in overrides if override.is_discrete_sweep()]
        SweepFolder.members = math.prod(len([*override.sweep_string_iterator()]) for override in sweeps)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        SweepFolder.last = Path(config.hydra.sweep.dir)


def run_hydra(arguments: list[str], job: Callable[[Composed], None]) -> Path | None:
    """Let Hydra compose `arguments` and call `job` once, or once a member of a sweep; the sweep's folder if it was one.

    Raises ConfigError in one line for whatever is wrong with the arguments, StoreError where a sweep has no place.
    """
    arguments = _flags_first(arguments)
    escaped: list[Exception] = []
    parent = os.getpid()

    def hydra_job(node: DictConfig) -> None:
        try:
            job(_composed(node, arguments))
        except Exception as error:
            if os.getpid() != parent:
                raise
            escaped.append(error)  # Hydra would print a line of its own

    ConfigStore.instance().store(name="schema", node=Config)
    Plugins.instance().register(PackagePaths)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's own printer
    SweepFolder.last = SweepFolder.members = None
    before, sys.argv = sys.argv, ["bench", *arguments]
    try:
        hydra.main(version_base="1.3", config_path=str(packages.built_in().conf), config_name="config")(hydra_job)()
    except BenchError:
        raise
    except (HydraException, OmegaConfBaseException, MissingConfigException, ValueError) as error:
        raise ConfigError(explain(_text(error), arguments)) from None
    except OSError as error:
        raise StoreError(f"cannot write the sweep's folder: {error}; choose another one with results_dir=...") from None
    finally:
        sys.argv = before
    if escaped:
        raise escaped[0]
    return SweepFolder.last


def _text(error: Exception) -> str:
    """What Hydra says, with what OmegaConf said to it."""
    if isinstance(error, OverrideParseException):
        return f"Error parsing override '{error.override}'"
    return f"{error}\n{error.__cause__ or ''}"


def _flags_first(arguments: list[str]) -> list[str]:
    """Hydra's flags in front of the options, as it wants them; ConfigError for an unknown flag or a removal."""
    for argument in arguments:
        if re.match(rf"~(?!({'|'.join(OF_CLASSES)})\.)", argument):
            raise ConfigError(f"{argument}: this cannot be removed: set it to another value")
    options = [a for a in arguments if a.startswith("~") or ("=" in a and not a.startswith("-"))]
    flags = [a for a in arguments if a not in options]
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        known = re.findall(r"--[\w-]+", parser.format_usage())
        raise ConfigError(f"{message}{did_you_mean(message.split()[-1], known)}; see python -m bench --help")

    parser.error = refuse  # type: ignore[method-assign]
    parser.parse_args([*flags, *options])
    return [*flags, *options]


def _composed(node: DictConfig, arguments: list[str]) -> Composed:
    settings = HydraConfig.get()
    names = {group: name for group, name in settings.runtime.choices.items() if not group.startswith("hydra/")}
    choices = {group: str(name) for group, name in names.items() if name is not None}
    for group, name in choices.items():
        if len(packages.providers(group, name)) > 1:  # Hydra would take the first in silence
            packages.provider(group, name)
    try:
        tree = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(str(error), arguments)) from None
    assert isinstance(tree, dict)
    refuse_unknown(tree, arguments)  # type: ignore[arg-type]
    sweep = Path(settings.runtime.output_dir) if settings.mode == RunMode.MULTIRUN else None
    return Composed(tree, choices, _changed(tree, choices), sweep, SweepFolder.members)  # type: ignore[arg-type]


def _changed(tree: Tree, choices: Mapping[str, str]) -> Tree:
    """What is not default, by dotted name: choices that no column of a table shows, and options of the chosen groups.

    Left out is what decides nothing (places on disk), and what each run states by itself (seed, hardware).
    """
    default = default_choices()
    overrides = [f"{'+' * (group not in default)}{group}={name}" for group, name in choices.items()]
    defaults = flatten(OmegaConf.to_container(hydra.compose("config", overrides)))
    others = {group: name for group, name in choices.items() if default.get(group) != name and group not in _IN_COLUMNS}
    differing = {key: value for key, value in flatten(tree).items() if key not in defaults or defaults[key] != value}
    kept = {key: value for key, value in differing.items() if key.partition(".")[0] not in _STATED}
    if kept.get("resume") in ("auto", "never"):
        del kept["resume"]
    return others | kept


_IN_COLUMNS = ("task", "cell", "bptt", "experiment")
_STATED = ("seed", "results_dir", "rerun", "checkpoint", "hardware")
