"""One measurement at a time: the runs of a user on one machine take turns."""

from __future__ import annotations

import getpass
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("bench")

_LIMIT = 300.0  # seconds: a process that hangs may not stop all others
_SHORT = 5.0  # seconds of waiting of which nothing is said


def lock_file() -> Path:
    """The file by whose lock the runs of this user on this machine take turns."""
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    return Path(tempfile.gettempdir()) / f"bench-measures-{user}.lock"


@contextmanager
def turn(path: Path | None = None, limit: float = _LIMIT) -> Iterator[float]:
    """Measure alone in the block, as far as other runs of bench go; yields the seconds that this took to wait for.

    After `limit` seconds, and where there is no place for a lock, it goes on at once, and says so. A lock ends with its
    process, however that ends.
    """
    lock, began = FileLock(path or lock_file()), time.monotonic()
    try:
        _acquire(lock, limit)
    except Timeout:
        log.warning(f"another run still measures on this machine after {limit:g} s: this one measures beside it")
    except OSError as error:
        log.debug(f"no lock for measuring alone: {error}")
    try:
        yield time.monotonic() - began
    finally:
        lock.release()


def _acquire(lock: FileLock, limit: float) -> None:
    """Raises Timeout where the lock is not free within `limit` seconds."""
    short = min(_SHORT, limit)
    try:
        lock.acquire(timeout=short)
    except Timeout:
        log.info(f"another run measures on this machine: waiting for its end, at most {limit:g} s")
        lock.acquire(timeout=limit - short)
