"""Third-party packages that bring configuration groups, and code behind them, through the entry points `bench.plugins`.

    [project.entry-points."bench.plugins"]
    anything = "their_package"

The package's folder `conf/` holds groups like the built-in one: `conf/cell/theirs.yaml`, `conf/task/theirs.yaml`.
The package is not imported here: a broken package fails only the runs that use it. A folder of one's own, added by
`--config-dir`, is laid out like `conf/`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path

from bench import about
from bench.errors import ConfigError

ENTRY_POINTS = "bench.plugins"


@dataclass(frozen=True)
class Package:
    """A source of configuration groups: its distribution's name and version, and its `conf` folder."""

    name: str
    version: str
    conf: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


def built_in() -> Package:
    """This package: the checkout's own `conf`, else the one inside the installed package."""
    folder = about.FOLDER
    installed = folder / "conf"
    return Package("bench", about.VERSION, installed if installed.is_dir() else folder.parent / "conf")


def third_party() -> list[Package]:
    """The installed plugin packages that have a `conf` folder, by name."""
    return list(_found(tuple((place, _modified(place)) for place in sys.path)))


def _modified(place: str) -> int:
    """The time of the last change in a folder of `sys.path`; 0 where there is no such folder."""
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:
        return 0


@cache  # a command asks for each of its groups, and reading the installed packages is the slowest part of a list
def _found(_: tuple[tuple[str, int], ...]) -> tuple[Package, ...]:
    """The plugin packages in the folders of `sys.path`, read again when one of these folders has changed."""
    found = set()
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        spec = importlib.util.find_spec(entry.module.partition(".")[0])
        for place in (spec.submodule_search_locations if spec else None) or ():
            if (conf := Path(place) / "conf").is_dir():
                name, version = (entry.dist.name, entry.dist.version) if entry.dist else (entry.name, "unknown")
                found.add(Package(name, version, conf))
    return tuple(sorted(found, key=lambda package: package.name))


def own_folder(arguments: Sequence[str]) -> Path | None:
    """The folder that a command adds by `--config-dir`; None where it adds none."""
    flags = [*arguments, ""]
    for flag, value in pairwise(flags):
        name, _, joined = flag.partition("=")
        if name in ("--config-dir", "-cd") and (joined or value):
            return Path(joined or value)
    return None


def sources(own: Path | None = None) -> list[Package]:
    """Where choices come from: from here first, then from third-party packages, then from a folder of one's `own`."""
    return [built_in(), *third_party(), *([Package(str(own), "", own)] if own else [])]


def providers(group: str, name: str, own: Path | None = None) -> list[Package]:
    """The sources that have a choice `name` in `group`, the built-in one first."""
    return [source for source in sources(own) if (source.conf / group / f"{name}.yaml").is_file()]


def provider(group: str, name: str, own: Path | None = None) -> Package:
    """The one source that has the choice; ConfigError where none or several have it, naming them all."""
    found = providers(group, name, own)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(f"{group}={name}: there is no such {group}")
    remedy = "uninstall one, or have its author rename it"
    if found[-1].conf == own:
        remedy = f"rename {own / group / name}.yaml"
    raise ConfigError(f"{group}={name} is offered by {' and '.join(map(str, found))}; {remedy}")
