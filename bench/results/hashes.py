"""The SHA-256 of each file of a run, and of its record itself, which the record states."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

from bench.results.names import CHECKPOINTS, DRAFTS, RECORD
from bench.results.record import Record, finite

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


def digest(record: Record) -> str:
    """The SHA-256 of the record as JSON, keys sorted, without its `id`, which another folder changes, its `digest`, and
    fields that are null, so that a field which later versions add leaves it as it is."""
    tree = {name: value for name, value in asdict(record).items() if name not in ("id", "digest") and value is not None}
    text = json.dumps(finite(tree), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
