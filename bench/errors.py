"""The errors that a user can fix: each becomes one clear line and an exit code, never a traceback."""

import difflib
from collections.abc import Iterable

from bench.printable import printable


class BenchError(Exception):
    """An error that the user can fix; `str(error)` is the one line to print.

    The line names the value, the alternatives where there are any, and the remedy. What a file's name or a record
    brings into it is escaped, so that it stays one line and does nothing to a terminal.
    """

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigError(BenchError, ValueError):
    """The command or the configuration is wrong: unknown name, wrong type, value out of range."""

    exit_code = 2


class Busy(ConfigError):
    """A run is under way in this process, and a process has one run at a time."""


class DataError(BenchError):
    """A task's data cannot be used: missing, empty, too short, undecodable, unreachable."""

    exit_code = 2


class StoreError(BenchError):
    """The results folder cannot be written or read."""


class Diverged(BenchError):
    """The training loss became NaN or infinite. `record` is the record of the run; None if it is not stored yet."""

    def __init__(self, message: str, record: object = None) -> None:
        super().__init__(message)
        self.record = record


class Failed(BenchError):
    """A run failed; its `record` names the reason."""

    def __init__(self, message: str, record: object = None) -> None:
        super().__init__(message)
        self.record = record


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`" (did you mean gru?)"` when a choice is close to `word`, else the empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
