"""stdout and stderr as a run needs them: a reader that goes away, a full disk or a lost terminal ends no work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class Lasting:
    """A stream to which writing always succeeds: what it cannot take is left out, and `error` tells the last cause.

    Characters that the stream's encoding lacks are replaced.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def write(self, text: str) -> int:
        """Write what the stream takes; the length of `text`."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError) as error:  # ValueError: the stream was closed in this process
            self.error = error
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, as far as the stream takes it."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.error = error

    def isatty(self) -> bool:
        """Whether the stream is a terminal; a closed one is none."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def lasting_output() -> Iterator[None]:
    """In the block `sys.stdout` and `sys.stderr` are `Lasting`, for all that prints: rich, argparse, plugins."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_lasting(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _lasting(stream: TextIO | None) -> TextIO:
    if stream is None:  # as Python has it where the process was started without it; print would take the other one
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  for the rest of the process
    return stream if isinstance(stream, Lasting) else cast(TextIO, Lasting(stream))


def lost(stream: TextIO) -> Exception | None:
    """Why something that was written to `stream` did not arrive; None where all did."""
    return stream.error if isinstance(stream, Lasting) else None


def open_what_is_closed() -> None:
    """Give the process a stdin, stdout and stderr where it was started without them.

    The next file that is opened would get the free number, and a library's words to stderr would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def drop_what_is_left() -> None:
    """Give up what stdout and stderr have not taken yet: Python would try again as it ends, fail, and exit with 120."""
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
