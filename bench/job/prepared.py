"""A run before it begins: the task, the model and the training made from its options, and its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from bench.api import Task
from bench.checks.quick_task import quick_check_spec, quick_check_task
from bench.config.options import Options
from bench.config.rules import validate
from bench.config.schema import HardwareConfig
from bench.config.tree import require_all
from bench.hardware.machine import choose_machine
from bench.hardware.process import HighWater
from bench.hardware.ranks import ALONE, Ranks
from bench.job.build import build, build_task
from bench.job.data import data_hash, unstated
from bench.job.resume import Source, find_source, matched_size
from bench.job.split import alike, as_one_device
from bench.measure.room import lack_of_room
from bench.results.identity import Identity, code_version, sources_of
from bench.results.labels import cell_name, run_stem
from bench.results.reads import FilesRead
from bench.train.bptt import untrained_share
from bench.train.life import Life
from bench.train.setup import Setup
from bench.unroll.rule import time_steps


@dataclass(frozen=True)
class Prepared:
    """A run as far as it could be prepared: after an `error`, `task` or `setup` may be None.

    `unstated` are the files that the task reads although its spec has no fingerprint.
    """

    options: Options
    identity: Identity
    life: Life
    """The time of the run, which begins with its preparation."""
    task: Task | None = None
    setup: Setup | None = None
    steps_in_a_batch: int = 0
    untrained: float = 0.0
    """The share of the first batches' losses that is not trained on."""
    source: Source | None = None
    """The run to go on from, where the options name one."""
    unstated: Sequence[Path] = ()
    error: BaseException | None = None
    ranks: Ranks = ALONE
    crowded: str | None = None
    """That a training step is likely to run out of memory, in a line."""
    as_one: str | None = None
    """How far the scores of several ranks will be those of one."""
    process: HighWater = field(default_factory=HighWater)
    """The most memory of the process since preparation began."""

    @property
    def task_id(self) -> str:
        """The task's id; the name that was chosen where there is no task."""
        return self.identity.task

    @property
    def stem(self) -> str:
        """The run's id without the number of the attempt; it has the beginning of the identity's hash."""
        config = self.options.config
        cell = cell_name(self.options.choices["cell"], config.cell)
        return run_stem(self.task_id, cell, config.seed, self.identity.hash)

    @property
    def hardware(self) -> str:
        """The label of the machine, also where the run failed before it had one: so it counts in the same row."""
        if self.setup:
            return self.setup.machine.label
        try:
            config = TypeAdapter(HardwareConfig).validate_python(asdict(self.options.config.hardware))
            return choose_machine(config, self.ranks).label
        except ValueError:  # wrong options, and the run's reason names them
            return "unknown"


def prepare(options: Options, ranks: Ranks = ALONE) -> Prepared:
    """Validate the options, build the task, look at its first batches, and build the model; raises nothing.

    Several `ranks` all prepare the run, and where one has an error, each has one.

    The task is built first: its id names the row in which a failed run is counted.
    """
    life, process = Life(), HighWater()
    task = setup = source = error = crowded = as_one = None
    steps_in_a_batch, untrained = 0, 0.0
    by_task, by_model = FilesRead(), FilesRead()
    try:
        require_all(options.tree)
        with by_task, life.within("data"):
            task = quick_check_spec(build_task(options.config.task, options.config.seeds.split))
        config = validate(options.config)
        with by_task, life.within("data"):
            first = quick_check_task(task, config.batch_size)
        steps_in_a_batch, untrained = first.steps, untrained_share(first.batches["train"], config.bptt)
        matched = matched_size(config)  # read here: a file that is read below counts as the cell's
        with by_model:
            trained = time_steps(config, first.steps)
            setup = build(config, task, matched, first.longest, trained, life, ranks)
            crowded = lack_of_room(setup, first.batches["train"][0])
        if ranks.count > 1:
            as_one = as_one_device(setup, first.batches["train"][0])
        if config.resume not in ("auto", "never"):
            source = find_source(config, _identity(options, task, setup, by_task, by_model), setup.unroll)
    except (Exception, KeyboardInterrupt, SystemExit) as caught:
        error = caught
    identity = _identity(options, task, setup, by_task, by_model)
    return Prepared(
        options,
        identity,
        life,
        task,
        setup,
        steps_in_a_batch,
        untrained,
        source,
        unstated(task, by_task) if task else [],
        alike(identity, setup, error, ranks),
        ranks,
        crowded,
        as_one,
        process,
    )


def _identity(
    options: Options, task: Task | None, setup: Setup | None, by_task: FilesRead, by_model: FilesRead
) -> Identity:
    """The identity of the run as far as it was prepared, with the files that were read on the way."""
    return Identity(
        options.tree,
        task.spec.id if task else options.choices["task"],
        device=setup.machine.kind if setup else None,
        data=data_hash(task, by_task) if task else None,
        sources=sources_of(setup.plugins if setup else {"task": type(task)} if task else {}, by_model),
        harness=_code(),
    )


@cache  # the version of the code that this process has loaded, even where the files are edited later
def _code() -> str:
    return code_version()
