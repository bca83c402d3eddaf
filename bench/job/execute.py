"""One run from its configuration to its record: build, train, evaluate, measure, store."""

from __future__ import annotations

import time
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter
from safetensors.torch import save
from torch import Generator

from bench.api import Task
from bench.config.options import Options
from bench.config.rules import validate
from bench.config.schema import CheckpointConfig, HardwareConfig
from bench.config.targets import source_hash
from bench.config.tree import flatten, require_all
from bench.errors import BenchError, Diverged
from bench.hardware.machine import choose_machine
from bench.job.build import build, build_task
from bench.job.listener import Listener
from bench.job.log import log, logging_to
from bench.job.resume import find_source
from bench.measure.flops import parameter_count
from bench.measure.memory import measure_memory
from bench.measure.speed import hold_still, measure_speed
from bench.results import provenance
from bench.results.files import writing
from bench.results.folder import RunFolder
from bench.results.identity import code_version, identity
from bench.results.labels import cell_name, make_labels, run_stem
from bench.results.names import CURVE, LOG, OPTIONS, WEIGHTS
from bench.results.record import Record, Status
from bench.results.store import Store
from bench.tables.closing import summary, to_beat
from bench.tables.formats import four_digits, loss_digits
from bench.train.bptt import window_note
from bench.train.checkpoint import Checkpoints
from bench.train.evaluate import evaluate
from bench.train.fit import Fit
from bench.train.passes import Passes
from bench.train.progress import Progress
from bench.train.setup import Setup


@dataclass
class Outcome:
    """What is known of a run so far; a record can be made of it at any moment."""

    options: Options
    status: Status = "failed"
    reason: str | None = None
    task: Task | None = None
    setup: Setup | None = None
    steps_in_a_batch: int = 0
    source: Path | None = None
    """The folder of the run to go on from, where one is named."""
    progress: Progress = field(default_factory=Progress)
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    speed: Any = None
    memory: Any = None
    began: float = field(default_factory=time.perf_counter)
    code: str = field(default_factory=cache(code_version))  # what this process has loaded, though it be edited since

    @property
    def task_id(self) -> str:
        return self.task.spec.id if self.task else self.options.choices["task"]

    @cached_property  # a file that is edited while it runs was another one when it was loaded
    def identity(self) -> str:
        """A hash of the configuration, the device, the data, the task and the cell, not of the harness's code."""
        facts: dict[str, str | None] = {"task": self.task_id}
        if self.task:
            facts |= {"fingerprint": self.task.spec.fingerprint, "task code": source_hash(type(self.task))}
        if self.setup:
            facts |= {"cell": source_hash(self.setup.cell_class), "device": self.setup.machine.device.type}
        return identity(self.options.tree, **facts)

    @cached_property
    def stem(self) -> str:
        """The run's id but for the attempt's number; other code is another run."""
        config = self.options.config
        cell = cell_name(self.options.choices["cell"], config.cell)
        return run_stem(self.task_id, cell, config.seed, identity({}, run=self.identity, code=self.code))


def execute(options: Options, listener: Listener | None = None) -> Record:
    """Run one configuration, or find it done; the record is stored, whatever becomes of the run.

    A wrong configuration is raised (ConfigError, DataError), unless the run is a sweep's: there it leaves a record of a
    failed run. StoreError where the results cannot be written. KeyboardInterrupt goes on when its record is stored.
    """
    listener = listener or Listener()
    store = Store(options.config.results_dir)
    store.check_writable()
    outcome = Outcome(options)
    stopped: BaseException | None = None
    try:
        prepare(outcome)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BenchError) and options.member is None:
            raise
        stopped = error
    if stopped is None and not options.config.rerun and (done := store.find(outcome.stem)):
        log.info(f"{done.id} is done already; run it again with rerun=true")
        listener.found(done)
        return done
    resume = options.config.resume
    with store.open(outcome.stem, resume != "never") as folder, logging_to(folder.path(LOG)):
        try:
            if stopped is not None:
                raise stopped
            if outcome.source is not None:
                folder.copy_checkpoints(outcome.source)
            carry_out(outcome, folder, listener)
        except (Exception, KeyboardInterrupt) as error:
            conclude(outcome, error)
            stopped = error
        record = publish(outcome, folder, listener)
    if isinstance(stopped, KeyboardInterrupt):
        raise stopped
    return record


def prepare(outcome: Outcome) -> None:
    """Validate the configuration, build task and model, and see that there is a batch to train on.

    The task comes first: its id names the row in which a failed run is counted.
    """
    options = outcome.options
    require_all(options.tree)
    outcome.task = build_task(options.config.task)
    config = validate(options.config)
    outcome.setup = build(config, outcome.task)
    first = next(Passes(outcome.task, "train", config.batch_size, Generator()))
    outcome.steps_in_a_batch = len(first.inputs)
    if config.resume not in ("auto", "never"):
        outcome.source = find_source(config)


def carry_out(outcome: Outcome, folder: RunFolder, listener: Listener) -> None:
    """Train, score the test split once, measure."""
    setup = outcome.setup
    assert setup is not None
    say_what_begins(outcome.stem, setup, outcome.steps_in_a_batch)
    listener.started()
    checkpoints = Checkpoints(folder.path(""), setup.config.checkpoint, flatten(outcome.options.tree))
    fit, metric = Fit(setup, checkpoints, listener.step), setup.task.spec.metric.name
    outcome.progress = fit.progress
    for validation in fit:
        listener.validated(validation, metric)
        loss, score = loss_digits(validation.train_loss), four_digits(validation.score)
        log.info(f"step {validation.step:>6}  train loss {loss}  valid {metric} {score}")
    for split in ("valid", "test"):
        if (scores := evaluate(setup.model, setup.task, split, setup.machine)) is not None:
            outcome.scores[split] = {name: float(value) for name, value in scores.items()}
    with writing(folder.path("")):
        folder.path(WEIGHTS).write_bytes(save(outcome.progress.best_weights))  # save_file would let nobody else read it
    listener.measuring()
    log.info("measuring speed and memory")
    hold_still(setup.optimizer)
    outcome.memory = measure_memory(setup)
    outcome.speed = measure_speed(setup)
    outcome.status = "done"


def say_what_begins(stem: str, setup: Setup, steps_in_a_batch: int) -> None:
    """Log what begins, and which scores are to be beaten."""
    metric = setup.task.spec.metric
    log.info(f"{stem}: {parameter_count(setup.model):,} parameters, {setup.unroll} unroll, on {setup.machine.label}")
    direction = "higher" if metric.direction == "max" else "lower"
    log.info(f"{metric.name} in {metric.unit}, {direction} is better: {to_beat(asdict(metric))}")
    if note := window_note(setup.config.bptt, steps_in_a_batch):
        log.info(note)


def conclude(outcome: Outcome, error: BaseException) -> None:
    """Status and reason of a run that `error` has ended; the traceback of an unexpected one goes to the run's log."""
    if isinstance(error, KeyboardInterrupt):
        outcome.status, outcome.reason = "interrupted", f"stopped at step {outcome.progress.steps}"
    elif isinstance(error, BenchError):
        outcome.status, outcome.reason = "diverged" if isinstance(error, Diverged) else "failed", str(error)
    else:
        log.debug("the run failed", exc_info=error)
        outcome.reason = "".join(traceback.format_exception_only(error)).splitlines()[0]


def publish(outcome: Outcome, folder: RunFolder, listener: Listener) -> Record:
    """Store the run for good and tell the listener where."""
    record = make_record(outcome)
    listener.ended()
    for line in summary(record).splitlines():
        log.debug(line)  # for the file: a terminal shows the table itself
    if outcome.status in ("done", "diverged"):  # the one needs none, the other would end in the same way again
        Checkpoints(folder.path(""), CheckpointConfig()).clear()
    with writing(folder.path("")):
        outcome.progress.curve.write(folder.path(CURVE))
        folder.path(OPTIONS).write_text(yaml.safe_dump(outcome.options.tree, sort_keys=False), encoding="utf-8")
    place = folder.publish(record)
    record = Record.read(place)
    listener.stored(record, place)
    return record


def make_record(outcome: Outcome) -> Record:
    """The record of a run; its id is set when it is published."""
    options, task, setup = outcome.options, outcome.task, outcome.setup
    config = options.config
    metric: Any = None
    if task is not None:
        metric = {**asdict(task.spec.metric), "baselines": dict(task.spec.metric.baselines)}
        for split in ("valid", "test"):
            metric[split] = outcome.scores.get(split, {}).get(task.spec.metric.name)
    names = make_labels(outcome.task_id, options, hardware_label(outcome))
    return Record(
        id=outcome.stem,
        status=outcome.status,
        reason=outcome.reason,
        task=outcome.task_id,
        cell=cell_name(options.choices["cell"], config.cell),
        bptt=config.bptt.kind,
        seed=config.seed,
        metric=metric,
        scores=outcome.scores,
        params=parameter_count(setup.model) if setup else None,
        speed=outcome.speed,
        memory=outcome.memory,
        seconds=round(outcome.progress.before + time.perf_counter() - outcome.began, 3),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        config=options.tree,
        versions=provenance.versions(),
        git=provenance.git(),
        machine=dict(setup.machine.facts()) if setup else {},
        changed=dict(options.changed),
        labels=names,
        identity=outcome.identity,
        fingerprint=task.spec.fingerprint if task else None,
        unroll=setup.unroll if setup else None,
        clipped=outcome.progress.clipped_share,
        hidden=setup.config.model.hidden if setup and config.match.wanted is not None else None,
    )


def hardware_label(outcome: Outcome) -> str:
    """The label of the machine; also for a run that failed before it was chosen, so that it is counted in its row."""
    if outcome.setup:
        return outcome.setup.machine.label
    try:
        return choose_machine(
            TypeAdapter(HardwareConfig).validate_python(asdict(outcome.options.config.hardware))
        ).label
    except ValueError:  # wrong options, of which the run's reason speaks
        return "unknown"
