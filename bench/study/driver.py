"""The process that drives a sweep: one at a time in a folder. Two would take each other's members for their own."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from time import sleep
from typing import Any

from bench.config.sweeps.jobs import told
from bench.errors import ConfigError
from bench.results.lease import SILENT, Holder, Lease, Watch, acquire
from bench.results.names import SWEEP

_LOOK = 1.0
"""Seconds between two looks at the lease of another process."""


class Driver:
    """Holds the lease of a sweep's folder from `begin` to the end of the `with` statement that it is used in."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._has_it = False

    def begin(self, folder: Path) -> None:
        """Take the folder, where this process does not have it. That of a driver that has ended is taken over.

        Raises ConfigError, naming it, where another process drives a sweep there, StoreError where nothing can be
        written.
        """
        if not self._has_it:
            lease = self._held.enter_context(_lease_of(folder))
            lease.on_loss = lambda: told(f"another process drives the sweep in {folder}, too: end one of them")
            self._has_it = True

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *error: Any) -> None:
        self._held.__exit__(*error)


def _lease_of(folder: Path) -> Lease:
    """The lease of a folder; of a driver on another machine it is seen in some seconds whether it lives, or after two
    minutes that it does not."""
    watch, seen = Watch(), None
    while not isinstance(found := acquire(folder, SWEEP, watch), Lease):
        if found is not None:
            path = folder / f".{SWEEP}.{found.number}.lease"
            content = _content(path)
            if found.owner.state(path) == "alive" or (seen is not None and content not in (None, seen)):
                raise ConfigError(_refusal(folder, found))
            if seen is None:
                told(f"{found.owner.said} drove a sweep in {folder}: looking whether it does, {SILENT:.0f} s at most")
            seen = content
        sleep(_LOOK)
    return found


def _content(path: Path) -> bytes | None:
    with suppress(OSError):
        return path.read_bytes()
    return None


def _refusal(folder: Path, holder: Holder) -> str:
    return (
        f"hydra.sweep.dir={folder}: {holder.owner.said} drives a sweep in this folder: wait for its end, or leave the "
        "option out, and this one has a folder of its own"
    )
