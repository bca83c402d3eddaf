"""The docstrings of a plugin's module and class, found by its target without importing anything."""

from __future__ import annotations

import ast
import importlib.util
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from bench import about

_LAST_COLUMN = 20  # the least room for the last column of a table beside the others


def docstrings(target: str, folder: Path) -> list[str]:
    """What the module and the class of a target say of themselves; a file is looked for in `folder`, too.

    Nothing where there is no such file, or it is no Python.
    """
    place, _, name = target.replace(":", ".").rpartition(".")
    path = _path_of(place, folder)
    if path is None:
        return []
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    found = [ast.get_docstring(tree), *map(ast.get_docstring, classes)]
    return [text for text in found if text]


def _path_of(place: str, folder: Path) -> Path | None:
    """The file of a module or a file's own path; None where there is none."""
    if place.endswith(".py"):
        return next((each for each in (folder / place, Path(place).expanduser()) if each.is_file()), None)
    top, *rest = place.split(".")
    if place.startswith("bench.tasks.") and not (about.FOLDER / "tasks").is_dir():
        base, rest = about.FOLDER.parent, ["tasks", *rest[1:]]
    elif top == "bench":
        base = about.FOLDER
    else:
        spec = importlib.util.find_spec(top)
        if spec is None or not spec.origin or top == "torch":  # whose docstrings are as long as a manual
            return None
        base = Path(spec.origin).parent
    path = base.joinpath(*rest)
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)


def reflowed(text: str, width: int) -> Iterator[str]:
    """The lines of a docstring for a screen of some `width`: paragraphs and lists anew, equations and tables as they
    are where they fit."""
    for block in re.split(r"\n\s*\n", text):
        if re.match(r"[-*] ", block):
            for item in re.split(r"\n(?=[-*] )", block):
                yield from textwrap.wrap(" ".join(item.split()), width, subsequent_indent="  ", break_on_hyphens=False)
        elif any(line.startswith("  ") for line in block.splitlines()):
            yield from (part for line in block.splitlines() for part in _folded(line, width))
        else:
            yield from textwrap.wrap(" ".join(block.split()), width, break_on_hyphens=False)
        yield ""


def _folded(line: str, width: int) -> list[str]:
    """A line of an equation or a table; where it is too long, with its last column in several lines, or below."""
    if len(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip())
    gaps = [gap.end() for gap in re.finditer(r" {3,}", line) if gap.start() > indent]
    last = gaps[-1] if gaps else indent
    if gaps and width - last < _LAST_COLUMN:
        return [*_folded(line[:last].rstrip(), width), *_folded(f"{' ' * (indent + 4)}{line[last:]}", width)]
    parts = textwrap.wrap(line[last:], width - last, break_on_hyphens=False)
    return [f"{' ' * last if number else line[:last]}{part}" for number, part in enumerate(parts)]
