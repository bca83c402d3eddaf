"""The files that a block of Python code reads, told by Python's audit events."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.results.closure import one_of_several

_LIBRARIES = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
_NO_DATA_BELOW = tuple(
    os.path.join(place, "") for place in (*_LIBRARIES, *map(os.path.realpath, _LIBRARIES), "/proc", "/sys", "/dev")
)
_NO_DATA_IN = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages", "__pycache__"))

_WATCHED: list[FilesRead] = []
_THREAD = threading.local()


class FilesRead:
    """The data files that are opened for reading inside `with` blocks; one object may enter several blocks in turn.

    Python code, installed packages, and files that the blocks write themselves do not count. A file that a library
    opens without Python, as sqlite and memory-mapped Arrow files are, is not seen.
    """

    def __init__(self) -> None:
        self._read: dict[str, None] = {}
        self._written: set[str] = set()

    def __enter__(self) -> FilesRead:
        _hook()
        _WATCHED.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _WATCHED.remove(self)

    def opened(self, path: str, writes: bool) -> None:
        """Take note of a file that is opened."""
        if writes:
            self._written.add(path)
        else:
            self._read[path] = None

    def paths(self) -> list[Path]:
        """The files, in the order in which they were first opened."""
        read = [path for path in self._read if path not in self._written and _may_be_data(path)]
        code = _modules() if read else set()
        return [Path(path) for path in read if path not in code]

    def contents(self) -> dict[str, str]:
        """The SHA-256 of each file's content, by the file's name. OSError as it comes."""
        digests: dict[str, list[str]] = {}
        for path in self.paths():
            digests.setdefault(path.name, []).append(_digest(path).hex())
        return {name: one_of_several(found) for name, found in digests.items()}

    def fingerprint(self) -> str | None:
        """SHA-256 over the contents of the files; None without files. OSError as it comes."""
        digests = [_digest(path) for path in self.paths()]
        return hashlib.sha256(b"".join(digests)).hexdigest() if digests else None


@contextmanager
def unwatched() -> Iterator[None]:
    """In the block no file counts, as where kernels are compiled or found in the cache."""
    watching = [*_WATCHED]
    _WATCHED.clear()
    try:
        yield
    finally:
        _WATCHED[:] = watching


@contextmanager
def not_of_the_run() -> Iterator[None]:
    """In the block no file counts that this thread opens, as the one that looks after a lease beside a run."""
    _THREAD.is_beside = True
    try:
        yield
    finally:
        _THREAD.is_beside = False


def _may_be_data(path: str) -> bool:
    if path.startswith(_NO_DATA_BELOW) or any(part in path for part in _NO_DATA_IN):
        return False
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # a temporary file that is gone
        return False


def _modules() -> set[str]:
    """The files of imported modules: they count as code."""
    files = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    return {os.path.abspath(file) for file in files if isinstance(file, str)}


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _WATCHED or getattr(_THREAD, "is_beside", False):
        return
    path, mode, flags = arguments
    if isinstance(path, (str, bytes)):
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else "r" not in (mode or "r")
        for watching in _WATCHED:
            watching.opened(os.path.abspath(os.fsdecode(path)), writes)


_HOOKED: list[bool] = []


def _hook() -> None:
    """Install the hook once: Python cannot remove it, so outside of blocks it does nothing."""
    if not _HOOKED:
        _HOOKED.append(True)
        sys.addaudithook(_audit)
