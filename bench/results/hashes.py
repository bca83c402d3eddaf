"""The SHA-256 of each file of a run, which its record states."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatch
from pathlib import Path

from bench.results.names import CHECKPOINTS, DRAFTS, RECORD

_APART = (RECORD, CHECKPOINTS, DRAFTS)
"""Patterns of files that no record states: its own, and those that go away once nobody goes on from them."""


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of the run in `folder`, by its name. OSError as it comes."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: file_hash(path) for path in files if not any(fnmatch(path.name, each) for each in _APART)}


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's content. OSError as it comes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
