"""Tests run against one mutant, in a process of its own that is forked from one where the libraries are loaded."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

# Loaded once, before the first trial, by whoever has many: `CONTEXT.set_forkserver_preload(LIBRARIES)`.
LIBRARIES = ["pytest", "hypothesis", "numpy", "torch", "pandas", "hydra", "scipy.stats", "sklearn", "matplotlib.pyplot"]
LIBRARIES += ["pydantic", "safetensors.torch", "rich.progress", "datasets"]

CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Outcome:
    killed: bool
    by: str  # the test that failed, or "too slow"; "" where none did
    ran: int  # how many tests were run


class Chosen:
    """A pytest plugin: runs the chosen tests in their order, and keeps the name of the first that fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.place = {name: i for i, name in enumerate(tests)}
        self.failed = ""
        self.ran = 0

    def pytest_configure(self) -> None:
        """Property tests need not find the smallest example, nor remember one."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutant", settings.get_profile("bench"), phases=phases, database=None)
        settings.load_profile("mutant")

    def pytest_collection_modifyitems(self, items: list) -> None:
        places = [(self._place(item.nodeid), i, item) for i, item in enumerate(items)]
        items[:] = [item for place, _, item in sorted(places, key=lambda p: p[:2]) if place < len(self.place)]

    def _place(self, name: str) -> int:
        """A test's place in the order; a test named without its parameters stands for each of its cases."""
        return self.place.get(name, self.place.get(name.split("[")[0], len(self.place)))

    def pytest_runtest_logreport(self, report) -> None:
        self.ran += report.when == "call"
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (cannot be imported)"


def trial(root: Path, tests: Sequence[str], limit: float) -> Outcome:
    """The chosen tests of the copy at `root`, until one fails; a mutant that takes over `limit` seconds is killed.

    Raises RuntimeError where none of the tests was there to run.
    """
    receiving, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_in_child, args=(root, list(tests), limit, sending), daemon=True)
    process.start()
    sending.close()
    told = receiving.recv() if receiving.poll(limit) else None
    if process.is_alive() and told is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    if told is None:
        return Outcome(killed=True, by="too slow", ran=0)
    failed, ran = told
    if not failed and not ran:
        raise RuntimeError(f"none of the tests ran: {', '.join(tests[:3])}; see {root / 'trial.log'}")
    return Outcome(killed=bool(failed), by=failed, ran=ran)


def _in_child(root: Path, tests: list[str], limit: float, sending: Connection) -> None:
    os.setsid()  # so that processes which tests start can be ended with it
    seconds = int(limit) + 1  # of the processor: an endless loop ends also where nobody is left to end it
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.chdir(root)
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    sys.path[:] = [str(root), *(place for place in sys.path if not place.endswith("tests/mutation"))]
    log = os.open(root / "trial.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import pytest

    chosen = Chosen(tests)
    files = list(dict.fromkeys(test.split("::")[0] for test in tests))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-n0", f"--basetemp={root}/.trial"]
    code = pytest.main([*options, *files], plugins=[chosen])
    failed = chosen.failed or ("the end of pytest" if code not in (0, 5) else "")
    sending.send((failed, chosen.ran))
    os._exit(0)
