"""The choices and their options, read from comments in the configuration files: no torch, no Hydra, no plugin code."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from bench.config.packages import Package, sources
from bench.config.role import PRESETS

_WIDTH = 120
GROUPS = ("task", "cell", "block", "init", "bptt", "clip", "optimizer", "schedule", *PRESETS)


@dataclass(frozen=True)
class Choice:
    """A name in a group: its file's first comment, and the package that offers it."""

    path: Path
    description: str
    package: Package

    @property
    def source(self) -> str | None:
        """The publication that the description names in brackets, as in `(Gu & Dao 2023)`; None without one."""
        named = re.findall(r"\(([^()]+ (?:19|20)\d\d\b[^()]*)\)", self.description)
        return named[-1] if named else None

    def __str__(self) -> str:
        return self.description if self.package.name == "bench" else f"{self.description} [{self.package}]"


def choices(group: str, own: Path | None = None) -> dict[str, Choice]:
    """The choices in a group by name: built in, of third-party packages, and of a folder of one's `own`.

    Where two of them have the same name, the built-in choice is listed, but neither can be run.
    """
    found = {}
    for package in reversed(sources(own)):
        for path in sorted((package.conf / group).glob("*.yaml")):
            found[path.stem] = Choice(path, _first_comment(path), package)
    return dict(sorted(found.items()))


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


def group_options(group: str, path: Path) -> list[tuple[str, str, str]]:
    """The commented options of a choice's file, named as on the command line."""
    is_global = "@package _global_" in path.read_text(encoding="utf-8")
    return [(key if is_global else f"{group}.{key}", value, comment) for key, value, comment in options(path)]


def to_text(only: str | None = None, own: Path | None = None) -> str:
    """All choices with their descriptions and options, or those of one group."""
    lines = []
    for group in GROUPS if only is None else (only,):
        flag = "+" if group in PRESETS else ""
        lines.append(f"{flag}{group}=")
        for name, choice in choices(group, own).items():
            lines.append(entry(f"  {name}", 21, str(choice)))
            lines += [entry(f"      {k}={v}", 36, comment) for k, v, comment in group_options(group, choice.path)]
        lines.append("")
    return "\n".join(lines)


def entry(name: str, width: int, text: str) -> str:
    """`name` in a column of `width`, and `text` in a second column, wrapped to the width of a screen."""
    head = f"{name:<{width - 1}} "
    return textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=" " * width, break_on_hyphens=False)


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ")
    return ""
