"""A folder that is away, as a disk of the network may be for a while, and is waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from bench.errors import StoreError

LIMIT = 120.0
"""Seconds for which a folder is waited for."""
_LOOK = 0.5


def wait_for(folder: Path, say: Callable[[str], object]) -> bool:
    """Whether a folder is there: at once, or at most `LIMIT` seconds after a line for `say`."""
    if os.path.isdir(folder):  # Path.is_dir raises where a server has lost its handle
        return True
    say(f"{folder} is away: waiting for it, {LIMIT:.0f} s at most")
    end = monotonic() + LIMIT
    while not (is_there := os.path.isdir(folder)) and monotonic() < end:
        sleep(_LOOK)
    return is_there


def must_be_there(folder: Path, say: Callable[[str], object]) -> None:
    """Wait for a folder that was there before. Made anew it would take results that nobody finds again.

    Raises StoreError where it does not return.
    """
    if not wait_for(folder, say):
        raise StoreError(f"{folder} is away and has not returned: once it has, the same command goes on")
