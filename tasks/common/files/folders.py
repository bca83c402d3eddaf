"""Folders that a user names: the files in them that a task reads, and those beside them that it leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .litter import is_litter
from .reading import some

__all__ = ["Walk", "walk"]


@dataclass(frozen=True)
class Walk:
    """The `files` of the wanted kind below `folder`, sorted by path; `hidden` and `others` were left out.

    `hidden` are those that a system or an editor put there (`._a.txt`, `.ipynb_checkpoints/a.txt`, `Thumbs.db`), and
    `others` are of another kind.
    """

    folder: Path
    files: list[Path]
    hidden: list[Path]
    others: list[Path]

    def note(self) -> str:
        """How many files were read, and which were left out: `read 12 files; left out 2 hidden: ._a.txt, ._b.txt`."""
        parts = [f"read {len(self.files):,} file{'s' * (len(self.files) != 1)}"]
        for what, left_out in (("hidden", self.hidden), ("of another kind", self.others)):
            if left_out:
                names = [path.relative_to(self.folder).as_posix() for path in left_out]
                parts.append(f"left out {len(names):,} {what}: {some(names, 3)}")
        return f"{self.folder}: {'; '.join(parts)}"


def walk(folder: Path, suffixes: Sequence[str] | None = None, depth: int | None = None) -> Walk:
    """Walk over the files below `folder`, at most `depth` folders deep (1: those in it alone).

    `suffixes`, as `.txt`, are what the wanted files' names end in, whatever their case; None wants every file that is
    not hidden. Links are followed, each folder once.
    """
    found = Walk(folder, [], [], [])
    wanted = None if suffixes is None else tuple(suffix.lower() for suffix in suffixes)
    for path in sorted(_below(folder, depth)):
        if is_litter(path.relative_to(folder).parts):
            found.hidden.append(path)
        elif wanted is None or path.name.lower().endswith(wanted):
            found.files.append(path)
        else:
            found.others.append(path)
    return found


def _below(folder: Path, depth: int | None) -> Iterator[Path]:
    """The files below a folder; those in folders that cannot be entered are left out, as the system hides them."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(root)
        level = len(Path(root).relative_to(folder).parts) + 1
        if place in seen or level == depth:
            folders.clear()
        if place not in seen:
            yield from (path for path in (Path(root, name) for name in names) if path.is_file())
        seen.add(place)
