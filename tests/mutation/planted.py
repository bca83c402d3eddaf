"""Mistakes that a person planted, each with the test that is to see it: `mistakes/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from change import Change

FOLDER = Path(__file__).with_name("mistakes")


def planted(root: Path, folder: Path = FOLDER, names: Sequence[str] = ()) -> list[Change]:
    """All planted mistakes, or those of the files with these `names`.

    Raises ValueError where there is no such file, a mistake's text is not in its file, or is there more than once.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if unknown := [name for name in names if name not in files]:
        raise ValueError(f"there are no mistakes {unknown[0]}; there are {', '.join(files)}")
    return [_change(root, entry) for name in names or files for entry in _entries(files[name])]


def _entries(path: Path) -> list[dict[str, str]]:
    return tomllib.loads(path.read_text("utf-8"))["mistake"]


def _change(root: Path, entry: dict[str, str]) -> Change:
    source = (root / entry["file"]).read_text("utf-8")
    if (times := source.count(entry["before"])) != 1:
        raise ValueError(f"{entry['file']} has {entry['before']!r} {times} times, not once ({entry['says']})")
    return Change(start=source.index(entry["before"]), **entry)
