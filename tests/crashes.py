"""Runs in processes of their own that are stopped at an exact moment: around a storage call, or anywhere between."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import bench.command.terminal  # noqa: F401  a child has what is imported here
from bench.command.main import main
from bench.job import execute as runner

_NOT_THE_DISK = set(
    "WIFSTOPPED _path_exists _path_isdir _path_isfile _path_normpath access cpu_count fileno fspath fstat fsencode "
    "get_terminal_size getcwd getpid isatty kill listdir lseek lstat pipe read readable readall readinto readline "
    "readlines readlink scandir seek seekable stat sysconf tell text_encoding urandom waitpid waitstatus_to_exitcode "
    "writable".split()
)
"""Calls that change nothing on a disk. All others of these modules count, whichever the store comes to use."""
_UNSEEN = {"fsync", "flock"}
"""Calls that write, though no entry of a folder shows it."""
_MODULES = {"posix", "_io", "io", "fcntl"}
_PHASES = {
    "_run": "training",
    "measure_memory": "measuring",
    "measure_speed": "measuring",
    "publish": "publishing",
    "tidy": "tidying",
}


class Moment(NamedTuple):
    """A moment of a run. `number` counts the beginnings and ends of calls `of` files, or all calls, in its phase."""

    of: str
    number: int
    phase: str
    name: str = ""


_NEVER = Moment("files", -1, "")


class Watch:
    """Counts the calls of a process, Python's and C's, from the life of a run on, and does `act` at a moment.

    With `results` it looks at that folder around each call that may write, and so finds the calls that do.
    """

    def __init__(
        self, at: Moment = _NEVER, act: Callable[[], object] = lambda: None, results: Path | None = None
    ) -> None:
        self._at, self._act, self._results, self._phase = at, act, results, "starting"
        self._around_files: Counter[str] = Counter()  # in each phase: how often a load is read varies
        self._seen: list[object] = []
        self.around_storage: list[Moment] = []
        """The moments before and after each call that wrote something into the results folder."""
        self.phases: Counter[str] = Counter()
        """How many calls each phase has."""

    def begin(self) -> None:
        """Watch this process from the beginning of its run, but for the time in which it only reads, to prepare."""
        execute, prepare = runner._execute, runner.prepare

        def watched(*arguments: Any) -> Any:
            sys.setprofile(self)
            return execute(*arguments)

        def unwatched(*arguments: Any) -> Any:
            sys.setprofile(None)
            prepared = prepare(*arguments)
            sys.setprofile(self)
            return prepared

        runner._execute, runner.prepare = watched, unwatched  # type: ignore[assignment]

    def __call__(self, frame: Any, event: str, function: Any) -> None:
        if event == "call":
            self._enter(frame)
        self.phases[self._phase] += 1
        if event.startswith("c_") and _writes(function):
            self._around_files[self._phase] += 1
            self._come_to("files", self._around_files[self._phase])
            if self._results is not None:
                self._look(event == "c_call", function.__name__)
        self._come_to("calls", self.phases[self._phase])

    def _look(self, before: bool, name: str) -> None:
        seen, moment = state_of(self._results), Moment("files", self._around_files[self._phase], self._phase)
        if not before and (seen != self._seen or name in _UNSEEN):
            self.around_storage.append(moment._replace(number=moment.number - 1, name=f"before {name}"))
            self.around_storage.append(moment._replace(name=f"after {name}"))
        self._seen = seen

    def _come_to(self, of: str, number: int) -> None:
        if number == self._at.number and (of, self._phase) == (self._at.of, self._at.phase):
            self._act()

    def _enter(self, frame: Any) -> None:
        if "/bench/" in frame.f_code.co_filename:
            name = frame.f_code.co_name
            scoring = name == "after" and frame.f_locals.get("held") == 0  # all locals are copied for this
            self._phase = "scoring" if scoring else _PHASES.get(name, self._phase)


def state_of(folder: Path | None) -> list[object]:
    """All that is in a folder, by name, number on the disk, size and time of writing."""
    paths = sorted(folder.rglob("*")) if folder is not None and folder.exists() else []
    stats = [(path, path.lstat()) for path in paths]
    return [(str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in stats]


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
            prepare()
            code = main(arguments)
        finally:
            sys.setprofile(None)
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def recorded(arguments: list[str], results: Path, notes: Path) -> Watch:
    """The command in a process of its own, and all its moments, by way of the file `notes`."""
    watch = Watch(results=results)

    def prepare() -> None:
        watch.begin()
        leave = os._exit

        def noting(code: int) -> None:
            sys.setprofile(None)
            notes.write_text(json.dumps([watch.around_storage, watch.phases]))
            leave(code)

        os._exit = noting  # type: ignore[assignment]

    assert in_child(arguments, prepare) == 0
    moments, phases = json.loads(notes.read_text())
    watch.phases = Counter(phases)
    watch.around_storage = [Moment(*moment) for moment in moments]
    return watch


def stopped(arguments: list[str], moment: Moment, number: signal.Signals) -> int | None:
    """The exit code of the command whose process gets a signal at `moment`; None where that killed it."""
    watch = Watch(moment, lambda: os.kill(os.getpid(), number))
    return in_child(arguments, watch.begin)
