"""One run from its configuration to its record: build, train, evaluate, measure, store."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml
from safetensors.torch import save_file
from torch import Generator

from bench import provenance
from bench.api import Task
from bench.build import Setup, build, build_task
from bench.compose import Composed
from bench.config import code_version, identity, validate
from bench.errors import BenchError, Diverged
from bench.evaluate import evaluate
from bench.fit import Fit, fit
from bench.labels import cell_name, make_labels, run_stem
from bench.match import parameter_count
from bench.measure import measure_memory, measure_speed
from bench.plugins import source_hash
from bench.record import Record, Status
from bench.report import Reporter
from bench.store import RunFolder, Store, writing
from bench.train import passes

WEIGHTS = "model.safetensors"
CONFIG = "config.yaml"


@dataclass
class Outcome:
    """What is known of a run so far; a record can be made of it at any moment."""

    composed: Composed
    status: Status = "failed"
    reason: str | None = None
    task: Task | None = None
    setup: Setup | None = None
    fit: Fit = field(default_factory=Fit)
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    speed: Any = None
    memory: Any = None
    began: float = field(default_factory=time.perf_counter)

    @property
    def task_id(self) -> str:
        return self.task.spec.id if self.task else self.composed.choices["task"]

    @property
    def identity(self) -> str:
        """A hash of the configuration, the data and the cell, not of the harness's code."""
        fingerprint = self.task.spec.fingerprint if self.task else None
        cell = source_hash(self.setup.cell_class) if self.setup else None
        return identity(self.composed.tree, task=self.task_id, fingerprint=fingerprint, cell=cell)

    @property
    def stem(self) -> str:
        """The run's id but for the attempt's number; other code is another run."""
        tree = self.composed.tree
        cell = cell_name(self.composed.choices["cell"], tree["cell"])
        return run_stem(self.task_id, cell, tree["seed"], identity({}, run=self.identity, code=code_version()))


def execute(composed: Composed, reporter: Reporter) -> Record:
    """Run one configuration, or find it done; the record is stored, whatever becomes of the run.

    A wrong configuration is raised (ConfigError, DataError), unless the run is a sweep's: there it leaves a record of a
    failed run. StoreError where the results cannot be written. KeyboardInterrupt goes on when its record is stored.
    """
    store = Store(composed.tree["results_dir"])
    store.check_writable()
    outcome = Outcome(composed)
    try:
        prepare(outcome)
    except BenchError as error:
        if composed.sweep_folder is None:
            raise
        outcome.reason = str(error)
        with store.open(outcome.stem) as folder:
            return publish(outcome, folder, reporter)
    done = None if composed.tree["rerun"] else store.find(outcome.stem)
    if done is not None:
        reporter.already_done(done)
        return done
    with store.open(outcome.stem) as folder, reporter.logging_to(folder.path("run.log")):
        try:
            carry_out(outcome, folder, reporter)
        except KeyboardInterrupt:
            outcome.status, outcome.reason = "interrupted", f"interrupted at step {outcome.fit.steps}"
            publish(outcome, folder, reporter)
            raise
        return publish(outcome, folder, reporter)


def prepare(outcome: Outcome) -> None:
    """Validate the configuration, build task and model, and see that there is a batch to train on."""
    config = validate(outcome.composed.tree)
    outcome.task = build_task(config.task)
    outcome.setup = build(config, outcome.task)
    next(passes(outcome.task, "train", config.batch_size, Generator()))
    outcome.composed.tree["model"]["hidden"] = outcome.setup.config.model.hidden


def carry_out(outcome: Outcome, folder: RunFolder, reporter: Reporter) -> None:
    """Train, score the test split once, measure; a failure ends in the outcome's status and reason, not in an error."""
    setup = outcome.setup
    assert setup is not None
    reporter.start(outcome.stem, asdict(setup.task.spec.metric), parameter_count(setup.model), setup.unroll, setup.machine.label)
    try:
        fit(setup, outcome.fit, reporter)
        for split in ("valid", "test"):
            if (scores := evaluate(setup.model, setup.task, split, setup.machine)) is not None:
                outcome.scores[split] = scores
        with writing(folder.path("")):
            save_file(outcome.fit.best_weights, folder.path(WEIGHTS))
        reporter.measuring()
        arguments = (setup.model, setup.task, setup.optimizer, setup.config, setup.machine)
        outcome.memory = measure_memory(*arguments)
        outcome.speed = measure_speed(*arguments)
        outcome.status = "done"
    except Diverged as error:
        outcome.status, outcome.reason = "diverged", str(error)
    except BenchError as error:
        outcome.reason = str(error)
    except Exception as error:
        logging.getLogger("bench").debug("the run failed", exc_info=True)  # to the run's own log, not to the screen
        outcome.reason = f"{type(error).__name__}: {error}".splitlines()[0]


def publish(outcome: Outcome, folder: RunFolder, reporter: Reporter) -> Record:
    """Store the run for good and tell the reporter where."""
    with writing(folder.path("")):
        outcome.fit.curve.write(folder.path("curve.csv"))
        folder.path(CONFIG).write_text(yaml.safe_dump(outcome.composed.tree, sort_keys=False), encoding="utf-8")
    place = folder.publish(make_record(outcome))
    record = Record.read(place)
    reporter.end(record, place)
    return record


def make_record(outcome: Outcome) -> Record:
    """The record of a run; its id is set when it is published."""
    composed, task, setup = outcome.composed, outcome.task, outcome.setup
    tree = composed.tree
    metric: Any = None
    if task is not None:
        metric = {**asdict(task.spec.metric), "baselines": dict(task.spec.metric.baselines)}
        for split in ("valid", "test"):
            metric[split] = outcome.scores.get(split, {}).get(task.spec.metric.name)
    hardware = setup.machine.label if setup else "unknown"
    names = make_labels(outcome.task_id, tree, composed.choices, composed.changed, hardware)
    return Record(
        id=outcome.stem,
        status=outcome.status,
        reason=outcome.reason,
        task=outcome.task_id,
        cell=cell_name(composed.choices["cell"], tree["cell"]),
        bptt=tree["bptt"]["kind"],
        seed=tree["seed"],
        metric=metric,
        scores=outcome.scores,
        params=parameter_count(setup.model) if setup else None,
        speed=outcome.speed,
        memory=outcome.memory,
        seconds=round(time.perf_counter() - outcome.began, 3),
        config=tree,
        versions=provenance.versions(),
        git=provenance.git(),
        machine=dict(setup.machine.facts()) if setup else {},
        changed=composed.changed,
        labels=names,
        identity=outcome.identity,
        fingerprint=task.spec.fingerprint if task else None,
        unroll=setup.unroll if setup else None,
    )
