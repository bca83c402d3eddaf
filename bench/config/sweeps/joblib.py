"""Hydra's launcher `joblib`: the members of a sweep in processes of this machine, by joblib's loky."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from bench.config.sweeps.jobs import EngineLauncher, Jobs
from bench.errors import BenchError, ConfigError

NAME = "hydra_plugins.bench.JoblibLauncher"

_THREADS = ("OMP", "MKL", "OPENBLAS", "BLIS", "NUMEXPR")
"""Libraries that start as many threads as there are cores, unless a variable of theirs says how many."""


@dataclass
class JoblibOptions:
    """The options of `hydra/launcher=joblib`."""

    _target_: str = NAME
    n_jobs: int = -1
    """Members under way at a time; -1: as many as there are cores for their threads, -2: one less, and so on."""


class JoblibLauncher(EngineLauncher):
    """Runs as many members at a time as there are cores, each in a process that goes on with the next.

    loky ends all processes of a pool where one is killed, so each process has a pool of its own, and one that is
    killed takes its own member with it alone.
    """

    options_type = JoblibOptions

    def run_all(self, jobs: Jobs, members: dict[int, list[str]], sweep: Path) -> dict[int, JobReturn]:
        """As all launchers do. Raises ConfigError where joblib is not installed, or n_jobs is 0; and what keeps a
        member from beginning, after the end of those that are under way: it would keep all others, too."""
        waiting, found, errors = deque(members), dict[int, JobReturn](), list[Exception]()
        threads = int(jobs.config.hardware.threads)
        count = min(self._count(threads), len(members))
        workers = [_Worker(jobs, threads) for _ in range(count)]
        idle, under_way = workers.copy(), dict[Future[JobReturn], tuple[_Worker, int]]()
        try:
            while under_way or (waiting and not self.asked_to_stop()):
                while idle and waiting and not self.asked_to_stop():
                    worker, number = idle.pop(), waiting.popleft()
                    under_way[worker.submit(number, members[number])] = worker, number
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    worker, number = under_way.pop(future)
                    idle.append(worker)
                    try:
                        found[number] = future.result()
                    except BrokenExecutor:  # its fate stays as it began: killed
                        worker.end()
                    except BenchError as error:
                        errors.append(error)
                        waiting.clear()
            if errors:
                raise errors[0]
            return found
        finally:
            for worker in workers:
                worker.end()

    def _count(self, threads: int) -> int:
        try:
            from joblib import cpu_count
        except ImportError:
            install = "pip install 'bench-sequences[sweep]'"
            raise ConfigError(f"hydra/launcher=joblib needs joblib: {install}") from None
        count: int = self.options.n_jobs
        if count == 0:
            raise ConfigError("hydra.launcher.n_jobs=0: give how many members run at a time, or -1 for one a core")
        return count if count > 0 else max(1, cpu_count() // max(1, threads) + 1 + count)


class _Worker:
    """A process for one member at a time, begun when it is first needed and after it was killed."""

    def __init__(self, jobs: Jobs, threads: int) -> None:
        self._jobs, self._threads = jobs, threads
        self._pool: Any = None

    def submit(self, number: int, overrides: list[str]) -> Future[JobReturn]:
        """Have the member run."""
        if self._pool is None:
            from joblib.externals.loky import ProcessPoolExecutor

            env = {f"{name}_NUM_THREADS": str(self._threads) for name in _THREADS}
            self._pool = ProcessPoolExecutor(1, initializer=_begin, initargs=(self._jobs,), env=env)
        future: Future[JobReturn] = self._pool.submit(_called, number, overrides)
        return future

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)
            self._pool = None


_of_this_process: list[Jobs] = []
"""The sweep whose members this process runs: sent once, with what it has composed."""


def _begin(jobs: Jobs) -> None:
    jobs.arrive()
    _of_this_process[:] = [jobs]


def _called(number: int, overrides: list[str]) -> JobReturn:
    (jobs,) = _of_this_process
    return jobs.run(number, overrides)
