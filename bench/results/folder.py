"""The folder of a run: hidden while the run goes on, published by one rename, taken over where its process died."""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.results.files import sync, write_atomic, writing
from bench.results.names import CHECKPOINTS, RECORD
from bench.results.record import Record

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)

_OPEN: set[str] = set()
"""Names of the folders that this process has open. Process ids are reused: a folder with our id that is not listed here
belongs to an older process."""


class RunFolder:
    """The folder of an unfinished run: hidden until `publish`, removed where the run ends without it.

    Use it in a `with` statement. Other processes may open folders for the same run at the same time.
    """

    def __init__(self, runs: Path, base: str, left: Path | None = None) -> None:
        """A new folder for run `base`; or the folder `left` by a killed process, taken over by a rename.

        Raises FileNotFoundError where another process took it over first.
        """
        self._runs, self._base, self._published = runs, base, False
        self._folder = runs / f".{base}.{_here()}.{os.getpid()}.{secrets.token_hex(4)}.partial"
        _OPEN.add(self._folder.name)
        if left is None:
            self._folder.mkdir()
        else:
            os.rename(left, self._folder)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """After an error, keep an unpublished folder that has checkpoints: the next process resumes from it."""
        _OPEN.discard(self._folder.name)
        if kind is None or not any(self._folder.glob(CHECKPOINTS)):
            self.discard()

    def path(self, name: str) -> Path:
        """The present path of the run's file `name`; `publish` changes it."""
        return self._folder / name

    def copy_checkpoints(self, source: Path) -> None:
        """Copy all checkpoints from another run's folder, each whole or not at all."""
        for checkpoint in source.glob(CHECKPOINTS):
            write_atomic(self.path(checkpoint.name), checkpoint.read_bytes())

    def publish(self, record: Record) -> Path:
        """Write the record and rename the folder to the first free attempt's name; return its path.

        The folder appears complete or not at all. Raises StoreError where it cannot be written, RuntimeError at a
        second call.
        """
        if self._published:
            raise RuntimeError(f"{self._folder} is published already")
        with writing(self._runs):
            free = (target for target in attempts(self._runs, self._base) if not target.exists())
            self._folder = next(target for target in free if self._publish_as(target, record))
            self._published = True
            sync(self._runs)
        return self._folder

    def _publish_as(self, target: Path, record: Record) -> bool:
        write_atomic(self.path(RECORD), replace(record, id=target.name).to_json())
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


def left_by_killed(runs: Path, base: str) -> Iterator[Path]:
    """The hidden folders of run `base` that killed processes of this host left behind."""
    name = re.compile(rf"\.{re.escape(base)}\.{re.escape(_here())}\.(\d{{1,9}})\.\w+\.partial")
    for entry in os.listdir(runs):
        if (match := name.fullmatch(entry)) and entry not in _OPEN and not _alive(int(match[1])):
            yield runs / entry


def attempts(runs: Path, base: str) -> Iterator[Path]:
    """The folders of attempts at run `base`, in order and without end: `base`, `base-2`, `base-3`."""
    yield runs / base
    for number in itertools.count(2):
        yield runs / f"{base}-{number}"


def _here() -> str:
    """The name of this host and its process-id namespace: a process id means nothing outside of them."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', socket.gethostname())}-{namespace}"


def _alive(pid: int) -> bool:
    """Whether another process of this id runs."""
    if pid == os.getpid():
        return False
    if os.name == "nt":  # on Windows os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        pass
    return True
