"""The hash of a task's data."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path

from bench.errors import DataError


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
