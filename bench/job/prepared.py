"""A run before it begins: the task, the model and the training made from its options, and its name."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from bench.api import Task
from bench.checks.quick_task import quick_check_spec, quick_check_task
from bench.config.options import Options
from bench.config.rules import validate
from bench.config.schema import HardwareConfig
from bench.config.targets import source_hash
from bench.config.tree import require_all
from bench.hardware.machine import choose_machine
from bench.job.build import build, build_task
from bench.job.resume import find_source
from bench.results.identity import code_version, identity
from bench.results.labels import cell_name, run_stem
from bench.train.setup import Setup


@dataclass(frozen=True)
class Prepared:
    """A run as far as it could be prepared: after an `error`, `task` or `setup` may be None.

    `identity` is a hash of the options, the device, the data, the task and the cell, not of the harness's code; `stem`
    is the id of the run without the number of the attempt, and changes with that code.
    """

    options: Options
    task_id: str
    identity: str
    stem: str
    began: float
    """The time on the clock `time.perf_counter` when preparation began."""
    task: Task | None = None
    setup: Setup | None = None
    steps_in_a_batch: int = 0
    source: Path | None = None
    """The folder of the run to go on from, where the options name one."""
    error: BaseException | None = None

    @property
    def hardware(self) -> str:
        """The label of the machine, also where the run failed before it had one: so it counts in the same row."""
        if self.setup:
            return self.setup.machine.label
        try:
            config = TypeAdapter(HardwareConfig).validate_python(asdict(self.options.config.hardware))
            return choose_machine(config).label
        except ValueError:  # wrong options, and the run's reason names them
            return "unknown"


def prepare(options: Options) -> Prepared:
    """Validate the options, build the task, look at its first batches, and build the model; raises nothing.

    The task is built first: its id names the row in which a failed run is counted.
    """
    began = time.perf_counter()
    task = setup = source = error = None
    steps_in_a_batch = 0
    try:
        require_all(options.tree)
        task = quick_check_spec(build_task(options.config.task))
        config = validate(options.config)
        steps_in_a_batch = len(quick_check_task(task, config.batch_size).inputs)
        setup = build(config, task)
        if config.resume not in ("auto", "never"):
            source = find_source(config)
    except (Exception, KeyboardInterrupt) as caught:
        error = caught
    task_id = task.spec.id if task else options.choices["task"]
    whole = _identity(options, task_id, task, setup)
    stem = _stem(options, task_id, whole)
    return Prepared(options, task_id, whole, stem, began, task, setup, steps_in_a_batch, source, error)


def _identity(options: Options, task_id: str, task: Task | None, setup: Setup | None) -> str:
    facts: dict[str, str | None] = {"task": task_id}
    if task:
        facts |= {"fingerprint": task.spec.fingerprint, "task code": source_hash(type(task))}
    if setup:
        facts |= {"cell": source_hash(setup.cell_class), "device": setup.machine.device.type}
    return identity(options.tree, **facts)


def _stem(options: Options, task_id: str, whole: str) -> str:
    config = options.config
    cell = cell_name(options.choices["cell"], config.cell)
    return run_stem(task_id, cell, config.seed, identity({}, run=whole, code=_code()))


@cache  # the version of the code that this process has loaded, even where the files are edited later
def _code() -> str:
    return code_version()
