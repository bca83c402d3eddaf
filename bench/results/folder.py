"""The folder of a run: hidden while the run goes on, published by one rename, taken over where its process died."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bench.config.away import wait_for
from bench.results.files import sync, write_atomic, writing
from bench.results.hashes import digest, hashes
from bench.results.names import CHECKPOINTS, DRAFTS, RECORD, step_of
from bench.results.owner import PATTERN, Owner, lock
from bench.results.record import Record

log = logging.getLogger("bench")

DOOMED = ".removed"
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)

_OPEN: set[str] = set()
"""Names of the folders that this process has open: where there are no locks, another folder with our process id belongs
to an older process."""


class RunFolder:
    """The folder of an unfinished run: hidden until `publish`, removed where the run ends without it.

    Use it in a `with` statement. Other processes may open folders for the same run at the same time.
    """

    def __init__(self, runs: Path, base: str, left: Path | None = None) -> None:
        """A new folder for run `base`; or the folder `left` by a killed process, taken over by a rename.

        Raises FileNotFoundError where another process took it over first.
        """
        self._runs, self._base, self._published = runs, base, False
        self.after_cut_off = left is not None
        """Whether an earlier attempt at the run was cut off."""
        self._lock = self._make() if left is None else self._take_over(left)

    def _make(self) -> int | None:
        while True:
            self._folder = self._new_name()
            self._folder.mkdir()
            with suppress(BlockingIOError, FileNotFoundError):  # without a lock yet, it looked left to another process
                return lock(self._folder)
            _OPEN.discard(self._hidden)

    def _take_over(self, left: Path) -> int | None:
        """The rename decides between processes that want the same folder; the drafts of its owner are removed."""
        self._folder, handle = self._new_name(), None
        try:
            with suppress(BlockingIOError):  # children of its owner hold it
                handle = lock(left)
            os.rename(left, self._folder)
        except OSError:
            _OPEN.discard(self._hidden)
            _close(handle)
            raise
        remove(self._folder, DRAFTS)
        return handle

    def _new_name(self) -> Path:
        self._hidden = f".{self._base}.{Owner.this_process()}.{secrets.token_hex(4)}.partial"
        _OPEN.add(self._hidden)
        return self._runs / self._hidden

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """After an error, keep an unpublished folder that has checkpoints: the next process resumes from it."""
        if kind is None or not any(self._folder.glob(CHECKPOINTS)):
            self.discard()
        _OPEN.discard(self._hidden)
        _close(self._lock)

    def come_back(self) -> None:
        """Wait for the whole results folder where it is away, as a disk of the network may be; a line says so."""
        wait_for(self._runs, log.warning)

    def path(self, name: str) -> Path:
        """The present path of the run's file `name`; `publish` changes it."""
        return self._folder / name

    def copy_checkpoints(self, source: Path) -> None:
        """Copy all checkpoints from another run's folder, the latest first, each whole or not at all."""
        found = sorted(source.glob(CHECKPOINTS), key=lambda path: step_of(path.name) or 0, reverse=True)
        for checkpoint in found:
            with suppress(FileNotFoundError):  # another process is done with the run, and needs it no longer
                write_atomic(self.path(checkpoint.name), checkpoint.read_bytes())

    def publish(self, record: Record, copied: bool = False) -> Path:
        """Write the record, with the hashes of the run's files and its own, and rename the folder to the name of the
        next attempt; return its path. A run that is `copied` keeps the hashes that it had: it may have been changed
        since.

        The folder appears complete or not at all. Raises StoreError where it cannot be written, RuntimeError at a
        second call.
        """
        if self._published:
            raise RuntimeError(f"{self._folder} is published already")
        with writing(self._runs):
            record = record if copied else _sealed(record, self._folder)
            later = itertools.count(1 + max(attempts(self._runs, self._base), default=0))
            targets = (self._runs / (f"{self._base}-{number}" if number > 1 else self._base) for number in later)
            self._folder = next(target for target in targets if self._publish_as(target, record))
            self._published = True
            sync(self._runs)
        return self._folder

    def _publish_as(self, target: Path, record: Record) -> bool:
        record = replace(record, id=target.name)
        write_atomic(self.path(RECORD), record.to_json())
        for path in self._folder.iterdir():
            sync(path)
        try:
            os.rename(self._folder, target)
        except OSError as error:
            if error.errno in _TAKEN:  # by another process, a moment ago
                return False
            raise
        return True

    def discard(self) -> None:
        """Remove the folder with its content, unless it is published."""
        if not self._published:
            shutil.rmtree(self._folder, ignore_errors=True)


def _sealed(record: Record, folder: Path) -> Record:
    """The record with the hashes of the files in `folder`, and with its own."""
    record = replace(record, files=hashes(folder))
    return replace(record, digest=digest(record))


def is_ours(folder: Path) -> bool:
    """Whether this very process has a run's hidden folder open."""
    return folder.name in _OPEN


def left_by_killed(runs: Path, base: str, ended: Collection[str] = ()) -> Iterator[Path]:
    """The hidden folders of run `base` that killed processes left behind, as far as this process can tell, and those of
    the owners that have `ended`, as the run's lease tells."""
    name = re.compile(rf"\.{re.escape(base)}\.{PATTERN}\.\w+\.partial")
    for entry in os.listdir(runs):
        if (
            (match := name.fullmatch(entry))
            and entry not in _OPEN
            and (str(owner := Owner.of(*match.groups())) in ended or owner.has_ended(runs / entry))
        ):
            yield runs / entry


def remove_left(folder: Path, base: str) -> None:
    """Rename a folder of run `base` that is nobody's, then remove it: the rename keeps other processes from taking over
    a part of it. OSError where the folder is another process's."""
    handle = lock(folder)
    try:
        doomed = folder.with_name(f".{base}.{secrets.token_hex(4)}{DOOMED}")
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    finally:
        _close(handle)


def remove_doomed(runs: Path, base: str) -> None:
    """Remove what is left of folders whose removal was cut off."""
    for entry in os.listdir(runs):
        if entry.startswith(f".{base}.") and entry.endswith(DOOMED):
            shutil.rmtree(runs / entry, ignore_errors=True)


def remove(folder: Path, *patterns: str) -> bool:
    """Remove the files in `folder` that match a pattern; whether there were any."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    for path in found:
        path.unlink(missing_ok=True)
    return bool(found)


def attempts(runs: Path, base: str) -> dict[int, Path]:
    """The folders of attempts at run `base` by number, in order: `base` is the first, then `base-2`, `base-3`.

    Some may have been removed since; numbers go on after the last.
    """
    name = re.compile(rf"{re.escape(base)}(?:-(\d+))?")
    found = (match for entry in os.listdir(runs) if (match := name.fullmatch(entry)))
    return dict(sorted((int(match[1] or 1), runs / match[0]) for match in found))


def base_of(run: str) -> str:
    """The name of a run without the number of the attempt; the names end with hexadecimal digits."""
    return re.sub(r"(?<=_[0-9a-f]{16})-\d+$", "", run)


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)
