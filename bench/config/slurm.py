"""Hydra's launcher `slurm`: the members of a sweep as jobs of SLURM, submitted as one array by submitit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from bench.errors import ConfigError

NAME = "hydra_plugins.bench.SlurmLauncher"
"""By which Hydra knows the launcher: it takes none from elsewhere than its own package of plugins."""

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


class SlurmLauncher(Launcher):
    """Submits each member as a task of one job array, waits until all have ended, and asks them to stop where the sweep
    is stopped.

    At the end of a job's time SLURM sends SIGUSR2: the run saves its position, as after SIGTERM, and the job goes back
    into the queue, to go on from there on whichever node. A job that is gone without a result, as with its node, is
    given up: SLURM queues those of a lost node again by itself.
    """

    asked_to_stop: Callable[[], bool] = staticmethod(lambda: False)
    """Whether the sweep is to be stopped; set by whoever started it."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what each job needs."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit the members and wait for their ends, in the order of `job_overrides`.

        Raises ConfigError where submitit is not installed, this machine has no SLURM, or SLURM refuses the jobs.
        """
        setup_globals()
        state = Singleton.get_state()
        members = [
            _Member(self._context, self._config, self._task, [*overrides], number, state)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        executor = self._executor(Path(self._config.hydra.sweep.dir) / "jobs")
        import submitit

        try:
            jobs = executor.map_array(_called, members)
        except submitit.core.utils.FailedJobError as error:
            raise ConfigError(f"hydra/launcher=slurm: SLURM refuses the jobs: {_last_line(str(error))}") from None
        queue = Queue(jobs[0].job_id.partition("_")[0])
        print(f"submitted {len(jobs)} jobs to SLURM: {queue.number}", file=sys.stderr, flush=True)
        ended = _wait(jobs, queue, self.asked_to_stop)
        return [_returned(job) if job in ended else JobReturn(status=JobStatus.COMPLETED) for job in jobs]

    def _executor(self, folder: Path) -> Any:
        try:
            import submitit
        except ImportError:
            install = "pip install 'bench-sequences[slurm]'"
            raise ConfigError(f"hydra/launcher=slurm needs submitit: {install}") from None
        given = OmegaConf.merge(OmegaConf.structured(SlurmOptions), self._options)
        options: Any = OmegaConf.to_object(given)
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


@dataclass
class _Member:
    """A member as its job has it: pickled here, called on its node."""

    context: HydraContext
    config: DictConfig
    task: TaskFunction
    overrides: list[str]
    number: int
    state: dict[Any, Any]

    def run(self) -> JobReturn:
        """Run the member; at the end of the job's time, save it and send the job back into the queue."""
        setup_globals()
        Singleton.set_state(self.state)
        config = self.context.config_loader.load_sweep_config(self.config, self.overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = os.environ["SLURM_JOB_ID"], self.number
        HydraConfig.instance().set_config(config)
        with _told_of_the_end() as told:
            returned = run_job(
                hydra_context=self.context,
                config=config,
                task_function=self.task,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
        if told:
            _into_the_queue_again()
        return returned


def _called(member: _Member) -> JobReturn:
    return member.run()


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
        print(f"SLURM does not queue {job} again: {done.stderr.strip()}", file=sys.stderr, flush=True)
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


def _returned(job: Any) -> JobReturn:
    """What a job returned; where its own start failed, a line says why, and the member counts as one not begun."""
    if (error := job.exception()) is None:
        returned: JobReturn = job.result()
        return returned
    print(f"job {job.job_id}: {_last_line(str(error))} (see {job.paths.stderr})", file=sys.stderr, flush=True)
    return JobReturn(status=JobStatus.COMPLETED)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), text)
