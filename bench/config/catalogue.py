"""The choices and their options, read from comments in the configuration files: no torch, no Hydra, no plugin code."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from bench.config.docstrings import docstrings, reflowed
from bench.config.packages import Package, built_in, sources
from bench.config.role import PRESETS
from bench.printable import screen_width

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


def overview(own: Path | None = None) -> str:
    """The names of all choices, a group a paragraph."""
    lines = []
    for group in GROUPS:
        names = ", ".join(choices(group, own))
        lines.append(entry(f"{'+' * (group in PRESETS)}{group}=", 14, names))
    return "\n".join([*lines, "", *textwrap.wrap(_MORE, screen_width())])


_MORE = (
    "python -m bench list cell says what each cell is, list lstm all about one, list model what each option of the "
    "model is; python -m bench --help has all options of every run."
)
_LONGEST = 40  # characters of a default in a list


def of_group(group: str, own: Path | None = None) -> str:
    """What each choice of a group is."""
    sign = "+" * (group in PRESETS)
    lines = [entry(f"  {name}", 21, str(choice)) for name, choice in choices(group, own).items()]
    return "\n".join([f"{sign}{group}=", *lines, "", f"python -m bench list {group}=NAME shows one with its options."])


def of_choice(group: str, name: str, own: Path | None = None) -> str:
    """A choice with its options, and what its class says of itself."""
    choice = choices(group, own)[name]
    lines = [entry(f"{'+' * (group in PRESETS)}{group}={name}", 21, str(choice))]
    for key, value, comment in group_options(group, choice.path):
        short = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."
        lines.append(entry(f"  {key}={short}", 36, comment))
    if target := re.search(r"^\s*(?:_target_|target):\s*([^\s#?]+)", choice.path.read_text("utf-8"), re.MULTILINE):
        for text in docstrings(target[1], choice.package.conf):
            lines += ["", *reflowed(text, screen_width())]
    return "\n".join(lines).rstrip()


def of_options(name: str) -> str | None:
    """The option of every run called `name`, or those of the group of that name; None where there is none."""
    known = options(built_in().conf / "config.yaml")
    found = [each for each in known if each[0] == name or each[0].startswith(f"{name}.")]
    lines = [entry(f"{key}={value}", 36, comment) for key, value, comment in found]
    return "\n".join(lines) or None


def entry(name: str, width: int, text: str) -> str:
    """`name` in a column of `width`, and `text` in a second column, wrapped to the width of a screen."""
    head, screen = f"{name:<{width - 1}} ", screen_width()
    if len(head) > width + _LONGEST // 2:  # the text goes below
        return f"{name}\n{textwrap.indent(textwrap.fill(text, screen - width), ' ' * width)}"
    return textwrap.fill(text, screen, initial_indent=head, subsequent_indent=" " * width, break_on_hyphens=False)


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "@package" not in line:
            return line.lstrip("# ")
    return ""
