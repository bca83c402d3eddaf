"""Litter: files that a system or an editor puts beside a user's own, in folders and in archives."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["is_litter"]

_NAMES = {"__macosx", "thumbs.db", "desktop.ini", "__pycache__"}
"""Names that are not hidden by a dot, in lower case."""


def is_litter(parts: Iterable[str]) -> bool:
    """Whether one part of a path is hidden (`._a.txt`, `.ipynb_checkpoints`) or a name that systems leave behind."""
    return any(part.startswith(".") or part.lower() in _NAMES for part in parts)
