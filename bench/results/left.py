"""What killed processes left in a results folder: folders, leases and drafts without an owner, and snapshots."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import StoreError
from bench.results.files import disk_time
from bench.results.folder import DOOMED, attempts, base_of, is_ours, remove, remove_left
from bench.results.lease import is_ours as is_held_here
from bench.results.lease import leases, read
from bench.results.names import CHECKPOINTS, DRAFTS, SWEEP
from bench.results.owner import PATTERN, Owner, State
from bench.results.record import Record
from bench.results.store import Store

LONG = 3600.0
"""Seconds without a change, by the disk's clock, after which what another machine made, or a draft, is nobody's."""

Kind = Literal["folder", "snapshot", "checkpoints", "lease", "draft"]


@dataclass(frozen=True)
class Left:
    """Something that is nobody's, and its `size` in bytes.

    - `folder`: the hidden folder of a killed process, that nobody can go on from, or half a removed run.
    - `snapshot`: a hidden folder, or the checkpoints of a run that was cut off, from which the same command goes on.
    - `checkpoints`: those of an attempt at a run that is done by now.
    - `lease`: that of a process that has ended. `draft`: a file that was being written.
    """

    kind: Kind
    path: Path
    size: int

    def remove(self) -> bool:
        """Remove it; False where it has become another process's meanwhile. May raise OSError."""
        if self.kind == "draft":
            self.path.unlink(missing_ok=True)
        elif self.path.suffix == ".lease":
            if _lease_state(self.path, disk_time(self.path.parent)) != "ended":
                return False
            self.path.unlink(missing_ok=True)
        elif not self.path.name.startswith("."):
            remove(self.path, CHECKPOINTS, DRAFTS)
        else:
            try:
                remove_left(self.path, _HIDDEN.sub(r"\1", self.path.name))
            except (FileNotFoundError, BlockingIOError):
                return False
        return True


_HIDDEN = re.compile(rf"\.(.+)\.(?:{PATTERN}\.\w+\.partial|\w+{re.escape(DOOMED)})")


def left_in(results: Path) -> list[Left]:
    """All that is nobody's under a results folder, by kind and name. What may be a live process's is not among it.

    A process on this machine is known to live or not. One on another machine counts as ended where it has written
    nothing for `LONG` seconds. Raises StoreError where the folder cannot be read.
    """
    runs = results / "runs"
    try:
        now, entries = disk_time(runs), sorted(os.listdir(runs))
    except OSError as error:
        raise StoreError(f"cannot read {runs}: {error.strerror}; name another folder with results_dir=...") from None
    found = [*_folders(runs, entries, now), *_checkpoints(Store(results)), *_drafts(results, now)]
    going_on = {_base(each.path) for each in found if each.kind == "snapshot"}
    found += [*_leases(runs, entries, now, going_on), *_leases_of_sweeps(results, now)]
    return sorted(found, key=lambda each: (each.kind, each.path))


def _folders(runs: Path, entries: list[str], now: float) -> Iterator[Left]:
    for entry in entries:
        if not (match := _HIDDEN.fullmatch(entry)):
            continue
        path, base = runs / entry, match[1]
        if match[2] is None:  # of a removal that was cut off
            yield Left("folder", path, _size(path))
        elif (
            not is_ours(path)
            and not _is_led(runs, base, now)
            and _state(path, Owner.of(*match.groups()[1:]), now) == "ended"
        ):
            can_go_on = any(path.glob(CHECKPOINTS)) and not _is_done(runs, base)
            yield Left("snapshot" if can_go_on else "folder", path, _size(path))


def _is_led(runs: Path, base: str, now: float) -> bool:
    """Whether a live process holds the lease of the run: it takes the folder over, or removes it."""
    return any(_lease_state(path, now) != "ended" for path in leases(runs, base).values())


def _is_done(runs: Path, base: str) -> bool:
    for folder in attempts(runs, base).values():
        with suppress(StoreError):
            if Record.read(folder).status == "done":
                return True
    return False


def _last(runs: Path, base: str) -> Path | None:
    """The last attempt at a run: the next one goes on from its checkpoints."""
    return next(reversed(attempts(runs, base).values()), None)


def _checkpoints(store: Store) -> Iterator[Left]:
    """The checkpoints and drafts in published folders."""
    for name in store.names():
        folder = store.runs / name
        if found := [*folder.glob(CHECKPOINTS), *folder.glob(DRAFTS)]:
            goes_on = folder == _last(store.runs, base_of(name)) and not _is_done(store.runs, base_of(name))
            yield Left("snapshot" if goes_on else "checkpoints", folder, sum(path.stat().st_size for path in found))


def _leases(runs: Path, entries: list[str], now: float, going_on: set[str]) -> Iterator[Left]:
    """The leases of runs whose last process has ended; one of a run with a snapshot tells who may take that over."""
    for base in sorted({match[1] for entry in entries if (match := re.fullmatch(r"\.(.+)\.\d+\.lease", entry))}):
        there = leases(runs, base)
        if there and _lease_state([*there.values()][-1], now) == "ended":
            kind: Kind = "snapshot" if base in going_on else "lease"
            yield from (Left(kind, path, path.stat().st_size) for path in there.values())


def _leases_of_sweeps(results: Path, now: float) -> Iterator[Left]:
    """Those of sweeps whose driver has ended."""
    for folder in results.glob("sweeps/*"):
        there = [*leases(folder, SWEEP).values()]
        if there and _lease_state(there[-1], now) == "ended":
            yield from (Left("lease", path, path.stat().st_size) for path in there)


def _drafts(results: Path, now: float) -> Iterator[Left]:
    for pattern in ("", "runs/", "sweeps/*/", "sweeps/*/*/"):
        for path in results.glob(f"{pattern}{DRAFTS}"):
            with suppress(OSError):
                if now - path.stat().st_mtime > LONG:
                    yield Left("draft", path, path.stat().st_size)


def _base(path: Path) -> str:
    return _HIDDEN.sub(r"\1", path.name) if path.name.startswith(".") else base_of(path.name)


def _lease_state(path: Path, now: float) -> State:
    holder = read(path)
    return "alive" if is_held_here(holder) else _state(path, holder and holder.owner, now)


def _state(path: Path, owner: Owner | None, now: float) -> State:
    known: State = "unknown" if owner is None else owner.state(path)
    if known != "unknown":
        return known
    try:
        written = max(each.stat().st_mtime for each in (path, *(path.iterdir() if path.is_dir() else ())))
    except OSError:  # it is gone, or is being changed
        return "unknown"
    return "ended" if now - written > LONG else "unknown"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
