"""Reading a file that anyone may have put there: a regular file of a known size, or a clear refusal at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Not to wait: opening a pipe without a writer would take for ever."""


def read_regular(path: Path, most: int) -> bytes:
    """A file's content. Raises OSError where it cannot be read, is no regular file, or has more than `most` bytes."""
    handle = os.open(path, _FLAGS)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no regular file")
        if status.st_size > most:
            raise OSError(f"it has {status.st_size:,} bytes, and at most {most:,} are read")
        content = os.read(handle, status.st_size)
        while len(content) < status.st_size and (more := os.read(handle, status.st_size - len(content))):
            content += more
        return content
    finally:
        os.close(handle)


def cause(error: OSError) -> str:
    """The system's words for `error`, without the path, which the line around them names."""
    return error.strerror or str(error)
