"""What there is to choose from, read from the comments in the configuration files: no torch, no Hydra, no plugin code."""

from __future__ import annotations

import re
from pathlib import Path

import bench

GROUPS = ("task", "cell", "bptt", "optimizer", "experiment")


def conf_folder() -> Path:
    """The folder of configuration files: the checkout's own, else the one inside the installed package."""
    package = Path(bench.__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def choices(group: str) -> dict[str, str]:
    """The names in a group, each with its file's first comment."""
    return {path.stem: _first_comment(path) for path in sorted((conf_folder() / group).glob("*.yaml"))}


def options(path: Path) -> list[tuple[str, str, str]]:
    """The commented options of a file as `(dotted name, value, comment)`, in its order."""
    found = []
    parents: list[tuple[int, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"^( *)([\w.]+):\s*([^#]*?)\s*(?:#\s*(.*))?$", line)
        if not match:
            continue
        indent, key, value, comment = len(match[1]), match[2], match[3], match[4]
        parents = [(depth, name) for depth, name in parents if depth < indent]
        if comment:
            found.append((".".join([*(name for _, name in parents), key]), value, comment))
        if not value:
            parents.append((indent, key))
    return found


def group_options(group: str, name: str) -> list[tuple[str, str, str]]:
    """The commented options of one choice, named as on the command line."""
    path = conf_folder() / group / f"{name}.yaml"
    is_global = "@package _global_" in path.read_text(encoding="utf-8")
    return [(key if is_global else f"{group}.{key}", value, comment) for key, value, comment in options(path)]


def to_text(only: str | None = None) -> str:
    """All choices with their descriptions and options, or those of one group."""
    lines = []
    for group in GROUPS if only is None else (only,):
        flag = "+" if group == "experiment" else ""
        lines.append(f"{flag}{group}=")
        for name, description in choices(group).items():
            lines.append(f"  {name:<16}{description}")
            lines += [f"      {key}={value:<{max(1, 26 - len(key))}} {comment}" for key, value, comment in group_options(group, name)]
        lines.append("")
    return "\n".join(lines)


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ")
    return ""
