"""Writing files whole: neither a crash nor a full disk leaves a part of a file."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import StoreError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace a file in one rename: readers find the old content or the new, even after a crash. May raise OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def writing(folder: Path, option: str = "results_dir") -> Iterator[None]:
    """Turn an OSError in the block into a StoreError that names the folder, the cause and the remedy: the `option` by
    which another one is chosen."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or error
        raise StoreError(f"cannot write to {folder}: {cause}; choose another folder with {option}=...") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, for good: a crash leaves none without its name. May raise
    OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def disk_time(folder: Path) -> float:
    """The time by the clock of the disk that a folder is on, in seconds of the epoch; by this machine's where nothing
    can be written there. Clocks of the machines that share a disk may differ."""
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b" ")
        probe.flush()
        return os.fstat(probe.fileno()).st_mtime
    return time.time()


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    if os.name == "nt":  # Windows cannot sync folders or read-only handles
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
