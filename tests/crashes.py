"""Runs in processes of their own that are stopped at an exact moment: around a storage call, or anywhere between."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.command.main import main
from bench.job import execute as runner

_NOT_THE_DISK = set(
    "WIFSTOPPED _path_exists _path_isdir _path_isfile _path_normpath access cpu_count fileno fspath fstat fsencode "
    "get_terminal_size getcwd getpid isatty kill listdir lseek lstat pipe read readable readall readinto readline "
    "readlines readlink scandir seek seekable stat sysconf tell text_encoding urandom waitpid waitstatus_to_exitcode "
    "writable".split()
)
"""Calls that change nothing on a disk. All others of these modules count, whichever the store comes to use."""
_MODULES = {"posix", "_io", "io", "fcntl"}
_PHASES = {"_run": "training", "measure_memory": "measuring", "publish": "publishing", "tidy": "tidying"}


class Moment(NamedTuple):
    """A moment of a run. `of` says what its `number` counts: storage calls, before and after each, or all calls."""

    of: str
    number: int
    phase: str
    name: str = ""


class Watch:
    """Counts the calls of a process, Python's and C's, from the life of a run on, and does `act` at a moment."""

    def __init__(self, at: Moment | None = None, act: Callable[[], object] = lambda: None) -> None:
        self._at, self._act, self._phase = at, act, "starting"
        self.calls = 0
        self.around_storage: list[Moment] = []
        self.phases: dict[str, list[int]] = {}
        """The numbers of the first and the last call in each phase."""

    def begin(self) -> None:
        """Watch this process from the beginning of its run."""
        execute = runner._execute

        def watched(*arguments: Any) -> Any:
            sys.setprofile(self)
            return execute(*arguments)

        runner._execute = watched  # type: ignore[assignment]

    def __call__(self, frame: Any, event: str, function: Any) -> None:
        self.calls += 1
        if event == "call":
            self._enter(frame)
        self.phases.setdefault(self._phase, [self.calls, 0])[1] = self.calls
        if event.startswith("c_") and _writes(function):
            name = f"{'before' if event == 'c_call' else 'after'} {function.__name__}"
            self._come_to(Moment("storage", len(self.around_storage), self._phase, name))
            self.around_storage.append(Moment("storage", len(self.around_storage), self._phase, name))
        self._come_to(Moment("calls", self.calls, self._phase))

    def _come_to(self, moment: Moment) -> None:
        if self._at is not None and moment[:2] == self._at[:2]:
            self._act()

    def _enter(self, frame: Any) -> None:
        name, held = frame.f_code.co_name, frame.f_locals.get("held")
        if "/bench/" in frame.f_code.co_filename:
            self._phase = "scoring" if name == "after" and held == 0 else _PHASES.get(name, self._phase)


def _writes(function: Any) -> bool:
    """Whether a C function may change what is on the disk."""
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or type(owner).__module__
    if module not in _MODULES or function.__name__ in _NOT_THE_DISK or isinstance(owner, (io.BytesIO, io.StringIO)):
        return False
    return getattr(owner, "name", None) not in (os.devnull, "<stdout>", "<stderr>", 1, 2)


def in_child(arguments: list[str], prepare: Callable[[], None] = lambda: None) -> int | None:
    """The exit code of the command in a process of its own, after `prepare` in it; None where it was killed."""
    child = os.fork()
    if child == 0:
        code = 70
        try:  # an error must not lead the child back into the tests
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            measure = runner.measure_speed
            runner.measure_speed = lambda setup: measure(setup, 0.001)  # type: ignore[attr-defined]  # three seconds
            prepare()
            code = main(arguments)
        finally:
            sys.setprofile(None)
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def recorded(arguments: list[str], notes: Path) -> Watch:
    """The command in a process of its own, and all its moments, by way of the file `notes`."""
    watch = Watch()

    def prepare() -> None:
        watch.begin()
        leave = os._exit

        def noting(code: int) -> None:
            sys.setprofile(None)
            notes.write_text(json.dumps([watch.around_storage, watch.phases]))
            leave(code)

        os._exit = noting  # type: ignore[assignment]

    assert in_child(arguments, prepare) == 0
    moments, watch.phases = json.loads(notes.read_text())
    watch.around_storage = [Moment(*moment) for moment in moments]
    return watch


def stopped(arguments: list[str], moment: Moment, number: signal.Signals) -> int | None:
    """The exit code of the command whose process gets a signal at `moment`; None where that killed it."""
    watch = Watch(moment, lambda: os.kill(os.getpid(), number))
    return in_child(arguments, watch.begin)
