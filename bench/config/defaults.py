"""The default options of a run's choices, read from the chosen files without composing them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.config.role import PRESETS
from bench.config.tree import Tree
from bench.errors import ConfigError

Read = Callable[[Path], Tree]


class NotPlainError(ConfigError):
    """A chosen file that only Hydra can read: it includes other files, or sets options of another package."""


def defaults_of(choices: Mapping[str, str], folders: Sequence[Path], read: Read) -> Tree:
    """The options in the main file and in the file of each choice; a later file overrides an earlier one.

    `folders` contain the configuration files, the built-in folder first. NotPlainError where a file is more than a tree
    of options.
    """
    merged: Tree = {}
    for part in _parts(dict(choices), folders, read):
        _merge(merged, part)
    return merged


def _parts(choices: dict[str, str], folders: Sequence[Path], read: Read) -> Iterator[Tree]:
    """The trees in the order in which Hydra merges them: as the main file lists them, presets last."""
    main = read(folders[0] / "config.yaml")
    for entry in main["defaults"]:
        if entry == "_self_":
            yield {key: value for key, value in main.items() if key not in ("defaults", "hydra")}
        elif isinstance(entry, dict):
            (group,) = entry
            if not group.startswith("override "):
                yield chosen(group, choices.pop(group, ""), folders, read)
    if others := choices.keys() - {*PRESETS}:
        raise NotPlainError(f"{', '.join(others)}: more groups than the main file has")
    for preset, name in choices.items():
        yield chosen(preset, name, folders, read)


def chosen(group: str, name: str, folders: Sequence[Path], read: Read) -> Tree:
    """The options in the file of one choice, under the group's name unless it is `@package _global_`."""
    path = file_of(group, name, folders)
    if path is None:
        raise NotPlainError(f"{group}={name}: there is no such file")
    tree = read(path)
    included = [key for entry in tree.get("defaults", []) for key in (entry if isinstance(entry, dict) else [entry])]
    package = re.search(r"^#\s*@package\s+(\S+)", path.read_text("utf-8"), re.MULTILINE)
    if (package and package[1] != "_global_") or not all(str(key).startswith("override ") for key in included):
        raise NotPlainError(f"{group}={name}: {path} includes other files, or sets options of another package")
    own = {key: value for key, value in tree.items() if key not in ("defaults", "hydra")}
    return own if package else {group: own}


def file_of(group: str, name: str, folders: Sequence[Path]) -> Path | None:
    """The file of one choice, in the first of the folders that has it, which is also Hydra's; None where none has."""
    return next((path for folder in folders if (path := folder / group / f"{name}.yaml").is_file()), None)


def _merge(into: Tree, tree: Tree) -> None:
    for key, value in tree.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value
