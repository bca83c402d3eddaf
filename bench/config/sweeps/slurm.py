"""Hydra's launcher `slurm`: the members of a sweep as jobs of SLURM, submitted as one array by submitit."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from bench.config.sweeps.jobs import EngineLauncher, Jobs, last_line, told
from bench.errors import ConfigError

NAME = "hydra_plugins.bench.SlurmLauncher"

_LOOK = 2.0
"""Seconds between two looks at the queue."""
_LOST = 3
"""Looks at which a job that left no result is not in the queue any more, until it counts as lost."""


@dataclass
class SlurmOptions:
    """The options of `hydra/launcher=slurm`: what each job asks SLURM for."""

    _target_: str = NAME
    minutes: int = 60
    """The time limit of a job; a run that reaches it is saved, and its job is queued again."""
    warning: int = 90
    """Seconds before the limit at which the run is told; SLURM may be as much as a minute early."""
    cpus: int = 1
    gpus: int = 0
    memory_gb: float | None = None
    at_once: int = 64
    """How many jobs run at the same time, at most."""
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    setup: list[str] = field(default_factory=list)
    """Lines of shell before the run, such as `module load cuda`."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Other options of sbatch."""


class SlurmLauncher(EngineLauncher):
    """Submits each member as a task of one job array, waits until all have ended, and asks them to stop where the sweep
    is stopped.

    At the end of a job's time SLURM sends SIGUSR2: the run saves its position, as after SIGTERM, and the job goes back
    into the queue, to go on from there on whichever node. A job that is gone without a result, as with its node, is
    given up: SLURM queues those of a lost node again by itself.
    """

    options_type = SlurmOptions

    def run_all(self, jobs: Jobs, members: dict[int, list[str]], sweep: Path) -> dict[int, JobReturn]:
        """Submit the members and wait for their ends.

        Raises ConfigError where submitit is not installed, this machine has no SLURM, or SLURM refuses the jobs.
        """
        executor = self._executor(sweep / "jobs")
        import submitit

        try:
            queued = executor.map_array(_called, repeat(jobs, len(members)), members.keys(), members.values())
        except submitit.core.utils.FailedJobError as error:
            raise ConfigError(f"hydra/launcher=slurm: SLURM refuses the jobs: {last_line(str(error))}") from None
        queue = Queue(queued[0].job_id.partition("_")[0])
        told(f"submitted {len(queued)} job{'s' * (len(queued) > 1)} to SLURM: {queue.number}")
        ended = _wait(queued, queue, self.asked_to_stop)
        found = {number: _returned(job) for number, job in zip(members, queued, strict=True) if job in ended}
        return {number: returned for number, returned in found.items() if returned is not None}

    def _executor(self, folder: Path) -> Any:
        try:
            import submitit
        except ImportError:
            install = "pip install 'bench-sequences[slurm]'"
            raise ConfigError(f"hydra/launcher=slurm needs submitit: {install}") from None
        options = self.options
        try:
            executor = submitit.SlurmExecutor(folder=folder)
        except RuntimeError:
            raise ConfigError(
                "hydra/launcher=slurm: this machine has no command srun; start the sweep on a login node, or choose "
                "hydra/launcher=joblib"
            ) from None
        wanted = {
            "job_name": "bench",
            "time": options.minutes,
            "signal_delay_s": options.warning,
            "cpus_per_task": options.cpus,
            "gpus_per_node": options.gpus or None,
            "mem": f"{round(options.memory_gb * 1024)}MB" if options.memory_gb else None,
            "array_parallelism": options.at_once,
            "setup": options.setup or None,
            "additional_parameters": {"requeue": True, **options.extra},
            **{name: getattr(options, name) for name in ("partition", "account", "qos", "constraint")},
        }
        executor.update_parameters(**{name: value for name, value in wanted.items() if value is not None})
        return executor


def _called(jobs: Jobs, number: int, overrides: list[str]) -> JobReturn:
    """Run a member on its node; at the end of the job's time, save it and send the job back into the queue."""
    jobs.arrive()
    with _told_of_the_end() as told_of_it:
        returned = jobs.run(number, overrides, os.environ["SLURM_JOB_ID"])
    if told_of_it:
        _into_the_queue_again()
    return returned


@contextmanager
def _told_of_the_end() -> Iterator[list[int]]:
    """In the block SLURM's warning before the end of a job's time is taken as a request to stop, and noted."""
    told: list[int] = []

    def take(number: int, frame: object) -> None:
        told.append(number)
        signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGUSR2, take)
    try:
        yield told
    finally:
        signal.signal(signal.SIGUSR2, before)


def _into_the_queue_again() -> None:
    """Have SLURM end this job and queue it again; returns only where it refuses."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True)
    if done.returncode:
        told(f"SLURM does not queue {job} again: {done.stderr.strip()}")
    else:
        time.sleep(120)  # it ends us


@dataclass
class Queue:
    """The tasks of a job array in SLURM's queue."""

    number: str

    def tasks(self) -> set[str] | None:
        """The tasks that wait or run, as `12_0`; None where SLURM does not answer."""
        command = ["squeue", "--noheader", "--array", "--format", "%i", "--jobs", self.number]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return {*done.stdout.split()}
        return set() if "Invalid job id" in done.stderr else None

    def stop(self) -> None:
        """Cancel what waits, and ask what runs to save and stop."""
        subprocess.run(["scancel", "--state=PENDING", self.number], capture_output=True)
        subprocess.run(["scancel", "--signal=TERM", self.number], capture_output=True)


def _wait(jobs: Sequence[Any], queue: Queue, asked: Callable[[], bool]) -> list[Any]:
    """Wait until each job has left its result or is lost; those with a result."""
    stopped, missed = False, dict.fromkeys((job.job_id for job in jobs), 0)
    while True:
        waiting = [job for job in jobs if not job.paths.result_pickle.exists() and missed[job.job_id] < _LOST]
        if not waiting:
            return [job for job in jobs if job.paths.result_pickle.exists()]
        if asked() and not stopped:
            queue.stop()
            stopped = True
        if (there := queue.tasks()) is not None:
            for job in waiting:
                missed[job.job_id] = 0 if job.job_id in there else missed[job.job_id] + 1
        time.sleep(_LOOK)


def _returned(job: Any) -> JobReturn | None:
    """What a job returned; where its own start failed, a line says why, and the member counts as one not begun."""
    if (error := job.exception()) is None:
        returned: JobReturn = job.result()
        return returned
    told(f"job {job.job_id}: {last_line(str(error))} (see {job.paths.stderr})")
    return None
