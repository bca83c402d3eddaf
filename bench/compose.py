"""Composing a run's configuration with Hydra, one job or a sweep of them, and saying in one line what is wrong with it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException
from hydra.experimental.callback import Callback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench import listing, packages
from bench.config import Config, Tree, flatten
from bench.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Composed:
    """One run as composed: the whole tree, the chosen name of each group, and what differs from those choices' defaults."""

    tree: Tree
    choices: Mapping[str, str]
    changed: Tree
    sweep_folder: Path | None
    """The job's own folder in a sweep's; None outside sweeps."""


class PackagePaths(SearchPathPlugin):
    """Lets Hydra find the groups of third-party packages, after our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for package in packages.third_party():
            search_path.append(provider=package.name, path=f"file://{package.conf}")


class SweepFolder(Callback):
    """Keeps the folder of the sweep that ended, for the process that started it."""

    last: Path | None = None

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        SweepFolder.last = Path(config.hydra.sweep.dir)


def run_hydra(arguments: list[str], job: Callable[[Composed], None]) -> Path | None:
    """Let Hydra compose `arguments` and call `job` once, or once a member of a sweep; the sweep's folder if it was one.

    Raises ConfigError in one line for whatever is wrong with the arguments.
    """

    escaped: list[Exception] = []

    def hydra_job(node: DictConfig) -> None:
        try:
            job(_composed(node))
        except Exception as error:  # Hydra would print a line of its own
            escaped.append(error)

    ConfigStore.instance().store(name="schema", node=Config)
    Plugins.instance().register(PackagePaths)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's own printer
    sys.argv = ["bench", *arguments]
    SweepFolder.last = None
    try:
        hydra.main(version_base="1.3", config_path=str(packages.built_in().conf), config_name="config")(hydra_job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, arguments)) from None
    if escaped:
        raise escaped[0]
    return SweepFolder.last


def _composed(node: DictConfig) -> Composed:
    settings = HydraConfig.get()
    names = {group: name for group, name in settings.runtime.choices.items() if not group.startswith("hydra/")}
    choices = {group: str(name) for group, name in names.items() if name is not None}
    for group, name in choices.items():
        if len(packages.providers(group, name)) > 1:  # Hydra would take the first in silence
            packages.provider(group, name)
    tree = OmegaConf.to_container(node, resolve=True)
    sweep = Path(settings.runtime.output_dir) if settings.mode == RunMode.MULTIRUN else None
    assert isinstance(tree, dict)
    return Composed(tree, choices, _changed(tree, choices), sweep)  # type: ignore[arg-type]


def _changed(tree: Tree, choices: Mapping[str, str]) -> Tree:
    """The options, by dotted name, whose values are not the defaults of the chosen groups."""
    overrides = [f"{'+' * (group not in _DEFAULT_CHOICES)}{group}={name}" for group, name in choices.items()]
    defaults = flatten(OmegaConf.to_container(hydra.compose("config", overrides)))
    return {key: value for key, value in flatten(tree).items() if key not in defaults or defaults[key] != value}


_DEFAULT_CHOICES = {"task": "copy", "cell": "gru", "optimizer": "adam", "bptt": "full"}


def explain(error: Exception, arguments: list[str]) -> str:
    """What is wrong with the composed arguments, in one line."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    if isinstance(error, MissingConfigException) and (found := re.search(r"'([^'/]+)/([^']+)'", str(error))):
        group, name = found.groups()
        options = list(listing.choices(group))
        return f"{group}={name}: there is no such {group}{did_you_mean(name, options)}; choose one of {', '.join(options)}"
    if found := re.search(r"Could not override '([^']+)'|Key '[^']+' is not in struct\s+full_key: (\S+)", str(error)):
        return _unknown_key(found.group(1) or found.group(2), arguments)
    if key := next((line.removeprefix("full_key: ") for line in lines if line.startswith("full_key: ")), None):
        return f"{key}: {lines[0][0].lower()}{lines[0][1:]}"
    return " ".join(lines)


def _unknown_key(key: str, arguments: list[str]) -> str:
    """Names the nearest option of the chosen files, and all of the same group; `key` may be a group's name, too."""
    chosen = dict(_DEFAULT_CHOICES)
    chosen.update(argument.partition("=")[::2] for argument in arguments if "=" in argument)
    in_schema = flatten(OmegaConf.to_container(OmegaConf.structured(Config)))
    in_files = [k for group in _DEFAULT_CHOICES for name in chosen[group].split(",") for k in _options_in(group, name)]
    known = sorted(({*in_schema, *in_files} - {"task", "cell", "optimizer"}) | {*_DEFAULT_CHOICES})
    siblings = [k for k in known if "." in key and k.startswith(key.partition(".")[0] + ".")]
    has = f"; there are {', '.join(siblings)}" if siblings else "; see python -m bench --help"
    own = " (for an option of your own class write +KEY=VALUE)" if "custom" in (chosen["cell"], chosen["task"]) else ""
    return f"{key}: there is no such option{did_you_mean(key, known)}{has}{own}"


def _options_in(group: str, name: str) -> list[str]:
    """The dotted options that the file of one choice sets."""
    found = packages.providers(group, name)
    if not found:
        return []
    text = (found[0].conf / group / f"{name}.yaml").read_text(encoding="utf-8")
    tree = {key: value for key, value in (yaml.safe_load(text) or {}).items() if key != "defaults"}
    names = flatten(tree if "@package _global_" in text else {group: tree})
    return [key for key in names if not key.endswith("._target_")]
