"""The errors that a user can fix: each becomes one clear line and an exit code, never a traceback."""

import difflib
import re
from collections.abc import Iterable, Sequence

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


class Held(BenchError):
    """Another process does the run; `holder` names it."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class Diverged(BenchError):
    """The training loss became NaN or infinite. `record` is the record of the run; None if it is not stored yet."""

    def __init__(self, message: str, record: object = None) -> None:
        super().__init__(message)
        self.record = record


class Failed(BenchError):
    """A run failed, or ran out of memory; its `record` names the status and the reason."""

    def __init__(self, message: str, record: object = None) -> None:
        super().__init__(message)
        self.record = record


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`" (did you mean gru?)"` when a choice is close to `word`, else the empty string."""
    return asked(nearest(word, choices))


def asked(meant: Sequence[str]) -> str:
    """What may be meant as a question to stand behind the sentence that refuses a word; empty where that is nothing."""
    *others, last = meant or ("",)
    return f" (did you mean {', '.join(others)}{' or ' * bool(others)}{last}?)" if last else ""


def nearest(word: str, choices: Iterable[str]) -> list[str]:
    """The choices that `same` finds, else the one that is spelled most like `word`."""
    known = [*choices]
    if found := same(word, known):
        return found
    for part, likeness in ((str, 0.6), (_last_part, 0.7)):
        spelled = {part(plain(name)): name for name in reversed(known)}
        if close := difflib.get_close_matches(plain(word), spelled, n=1, cutoff=likeness):
            return [spelled[close[0]]]
    return []


def same(word: str, choices: Iterable[str]) -> list[str]:
    """The choices that are `word` but for case, hyphens and underscores; else those that have its last part, as
    `model.hidden` has that of `hidden` and of `cell.hidden`."""
    known = {name: plain(name) for name in choices}
    said = plain(word)
    whole = [name for name, text in known.items() if text == said]
    return whole or [name for name, text in known.items() if _last_part(text) == _last_part(said)]


def plain(name: str) -> str:
    """A name without what people write differently: case, hyphens, underscores and spaces."""
    return re.sub(r"[-_ ]", "", name).casefold()


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]
