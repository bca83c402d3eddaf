"""Data on the disk: the hash of a task's files, and the folder for what is prepared once."""

from __future__ import annotations

import hashlib
import os
from os import PathLike
from pathlib import Path

from bench.errors import DataError


def cache_folder() -> Path:
    """Where prepared data and kernels lie: `$BENCH_CACHE`, or `bench-sequences` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if named := os.environ.get("BENCH_CACHE"):
        return Path(os.path.expanduser(named))
    return Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")) / "bench-sequences"


def file_hash(*paths: str | PathLike[str]) -> str:
    """SHA-256 over the contents of files, in this order: the `fingerprint` of a task that reads them.

    Raises DataError for a file that is not there, is no regular file or cannot be read.
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        if not path.is_file():  # a pipe would be waited for
            raise DataError(f"{path}: there is no such file; give the path of the data")
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions") from error
    return digest.hexdigest()
