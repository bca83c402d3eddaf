"""The lines of a run for people: they go to the logger `bench`, and all of them to the run's own file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("bench")
log.addHandler(logging.NullHandler())  # a library prints nothing where nobody has configured logging


class _Copies(logging.Filter):
    """Copies every line to its handlers, and passes on the lines that the logger's usual level passes.

    So a run's file gets all lines at any level that a user of the library has chosen, and the user's own handlers get
    no additional lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[logging.Handler] = []
        self.own_level = self.usual_level = logging.NOTSET

    def filter(self, record: logging.LogRecord) -> bool:
        for handler in self.handlers:
            if record.levelno >= handler.level:
                handler.handle(record)
        return record.levelno >= self.usual_level


_COPIES = _Copies()


@contextmanager
def also_to(handler: logging.Handler) -> Iterator[None]:
    """Copy the lines of the logger `bench` to `handler`, from its level on.

    The user's configuration of logging works as before: its levels, handlers and propagation do not change.
    """
    if not _COPIES.handlers:
        _COPIES.own_level, _COPIES.usual_level = log.level, log.getEffectiveLevel()
        log.addFilter(_COPIES)
        log.setLevel(logging.DEBUG)
    _COPIES.handlers.append(handler)
    try:
        yield
    finally:
        _COPIES.handlers.remove(handler)
        if not _COPIES.handlers:
            log.removeFilter(_COPIES)
            log.setLevel(_COPIES.own_level)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Copy every line, with its time, to the file at `path`. A full disk shows when the run is stored, not here."""
    handler = _QuietHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    try:
        with also_to(handler):
            yield
    finally:
        handler.close()


class _QuietHandler(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Print no traceback of logging's own."""

    def close(self) -> None:
        try:
            super().close()
        except OSError:  # the disk did not take the last lines
            self.stream = None
