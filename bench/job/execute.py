"""One run from its options to its record: prepare, train, score, measure, store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from safetensors.torch import save

from bench.config.options import Options
from bench.config.schema import CheckpointConfig
from bench.config.torchrun import refuse_library
from bench.config.tree import flatten
from bench.errors import BenchError, Failed, StoreError
from bench.hardware.machine import give_back_memory
from bench.hardware.ranks import ALONE, Ranks
from bench.hardware.settings import torch_settings_kept
from bench.hardware.turn import turn
from bench.job.accompany import accompany
from bench.job.counted import flops_of, products_of, work_of
from bench.job.ended import Ended
from bench.job.had import ends_before, lease_of, that_stands
from bench.job.listener import Listener
from bench.job.log import log, logging_to
from bench.job.opening import say_what_begins
from bench.job.prepared import Prepared, prepare
from bench.measure.memory import measure_memory
from bench.measure.speed import hold_still, measure_speed
from bench.measure.training import release
from bench.results import names
from bench.results.files import writing
from bench.results.folder import RunFolder
from bench.results.lease import Lease
from bench.results.record import Record
from bench.results.store import Store
from bench.tables.closing import summary
from bench.tables.formats import four_digits, loss_digits
from bench.train.checkpoint import Checkpoints, list_checkpoints
from bench.train.evaluate import evaluate, must_have_score
from bench.train.fit import Fit
from bench.train.interrupts import Interrupts
from bench.train.largest import Largest
from bench.train.validation import Validation


def execute(options: Options, listener: Listener | None = None, wait: bool = True, ranks: Ranks = ALONE) -> Record:
    """Run one configuration, or find it done; failed and interrupted runs are stored, too.

    Where another process does this run, its end is waited for, and what it came to is found; or else, where this one is
    not to `wait`, Held is raised. A run that the machine's memory was too small for is tried again, `retries` times.

    Raises ConfigError or DataError for a wrong configuration, but not in a sweep: there it is stored as a failed run,
    as a task whose own code fails is everywhere. Raises StoreError where the results cannot be written. A
    KeyboardInterrupt is raised again after the record is stored.

    Several `ranks` each call it, and each returns the record; the first one has the results folder and the `listener`.
    The others exit where the run ends early, and raise nothing.

    `listener` follows the run; without one nothing is printed. A run may be in any thread, and leaves torch as it found
    it, but a process has one run at a time: ConfigError where another run is under way.
    """
    if ranks.count == 1:
        refuse_library()
    for left in range(max(0, options.config.retries if ranks.count == 1 else 0), -1, -1):
        with torch_settings_kept():
            try:
                if not ranks.is_first:
                    return accompany(options, ranks)
                record, has_run = _execute(options, listener or Listener(), wait, ranks)
            finally:
                give_back_memory()
        if not (left and has_run and record.status == "out of memory"):
            break
        log.warning(f"{record.id} ran out of memory: trying again, {left} time{'s' * (left > 1)} at most")
        options = replace(options, config=replace(options.config, rerun="failed"))  # with rerun=none it would be found
    return record


def _execute(options: Options, listener: Listener, wait: bool, ranks: Ranks) -> tuple[Record, bool]:
    """The record of the run, and whether it has run here."""
    store = Store(options.config.results_dir)
    prepared = prepare(options, ranks)
    error = prepared.error
    if isinstance(error, BenchError) and not isinstance(error, Failed) and options.member is None:
        raise error
    before = [*store.attempts(prepared.stem, prepared.identity.hash)]
    while True:
        if found := _found(prepared, store, before, listener):
            return ranks.first_says(found), False
        store.check_writable()
        with prepared.life.left_out():
            lease = lease_of(store.runs, prepared.stem, wait)
        with lease:
            if found := _found(prepared, store, before, listener):  # by the process that had the lease
                return ranks.first_says(found), False
            record = _under(lease, prepared, store, listener)
        if record is not None:
            return record, True
        if ranks.count > 1:  # the others have ended
            raise StoreError(
                f"{prepared.stem}: another process took the run over; the same command finds what it makes"
            )


def _found(prepared: Prepared, store: Store, before: Sequence[Record], listener: Listener) -> Record | None:
    """The attempt that makes another needless, told to the listener; None where there is none. `before` are those that
    there were as this process came to the run."""
    if prepared.error is not None and not isinstance(prepared.error, Exception):
        return None
    name, identity, rerun = prepared.stem, prepared.identity.hash, prepared.options.config.rerun
    record = that_stands([*store.attempts(name, identity)], before, rerun)
    if record is None or (record.status == "done" and prepared.error is not None):
        return None
    if record.status == "done":
        store.ask(record.id)
        store.tidy(name, identity)
        log.info(f"{record.id} is done already; run it again with rerun=all")
    else:
        log.info(f"{record.id} {record.status} already; run it again with rerun=failed")
    listener.already_done(record)
    return record


def _under(lease: Lease, prepared: Prepared, store: Store, listener: Listener) -> Record | None:
    """Run under a lease; None where another process took the run over meanwhile. Raises KeyboardInterrupt after an
    interrupted run is stored."""
    name, identity, config = prepared.stem, prepared.identity.hash, prepared.options.config
    before = [*store.attempts(name, identity)]
    limit, may_resume = config.hard_seconds, config.resume != "never"
    with (
        Interrupts(limit=None if limit is None else limit - prepared.life.total) as interrupts,
        store.open(name, identity, may_resume, lease.holder.displaced) as folder,
        logging_to(folder.path(names.LOG)),
    ):
        lease.on_loss = interrupts.leave
        ended = carry_out(prepared, folder, listener, interrupts)
        if lease.lost and not (ended.status == "interrupted" and not interrupts.left):
            log.warning("another process took this run over, since it had heard nothing of this one for long")
            if ended.status != "done" or that_stands([*store.attempts(name, identity)], before, "all"):
                listener.ended()
                return None
        record = publish(prepared, ended, folder, listener, ends_before(before, lease))
        if ended.status == "done":
            store.tidy(name, identity)
            prepared.ranks.first_says(record)
    if ended.status == "interrupted":
        raise KeyboardInterrupt
    return record


def carry_out(prepared: Prepared, folder: RunFolder, listener: Listener, interrupts: Interrupts | None = None) -> Ended:
    """All stages of the run; an error or an interrupt ends them early, and becomes the run's reason."""
    ended = Ended()
    try:
        if prepared.error is not None:
            raise prepared.error
        if prepared.source is not None:
            folder.copy_checkpoints(prepared.source.folder)
        for ended in stages(prepared, folder, listener, interrupts or Interrupts()):  # noqa: B007  the last one counts
            pass
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # a plugin may exit
        ended = ended.by(error)
    return ended.timed_out(prepared.options) if interrupts and interrupts.timed_out else ended


def stages(prepared: Prepared, folder: RunFolder, listener: Listener, interrupts: Interrupts) -> Iterator[Ended]:
    """Train, score the valid split, score the test split once, keep the weights, measure; yield after each stage.

    A signal to stop waits for the end of a training step, a second one does not. After training it acts at once: the
    checkpoint of the last step is on the disk.
    """
    setup = prepared.setup
    assert setup is not None
    say_what_begins(prepared)
    options, origin = flatten(prepared.options.tree), {**prepared.identity.origin, "unroll": setup.unroll}
    checkpoints = Checkpoints(folder.path(""), setup.config.checkpoint, options, origin)
    if folder.after_cut_off and not list_checkpoints(folder.path("")):
        log.info("an earlier attempt was cut off and this one starts anew, from the first step")
    listener.started()
    life, scored, ranks = prepared.life, Largest(), setup.machine.ranks
    ranks.first_says(None)  # no record: the run begins
    fit = Fit(setup, checkpoints, listener.step, stop=interrupts.asked, life=life)
    ended = Ended(progress=fit.progress)
    yield ended
    with interrupts.after(1), life.within("train"):
        for validation in fit:
            say_and_tell(validation, setup.task.spec.metric.name, listener)
    with interrupts.after(0):
        for split in ("valid", "test"):
            with life.within("score"):
                scores = evaluate(setup.model, setup.task, split, setup.machine, scored)
            if scores is not None:
                ended = replace(ended, scores={**ended.scores, split: scores})
                yield ended
                must_have_score(scores, setup.task, split)
        with life.within("store"):
            folder.come_back()
        with writing(folder.path("")), life.within("store"):
            weights = save(fit.progress.best_weights)  # save_file would make it readable for its owner alone
            folder.path(names.WEIGHTS).write_bytes(weights)
        process_mib = prepared.process.mib  # before measuring, which takes memory of its own
        listener.measuring()
        log.info("measuring speed and memory")
        with life.within("measure"):
            ended = replace(ended, flops=flops_of(setup.model), products=products_of(setup))
            hold_still(setup.optimizer)
            own = map(ranks.lanes, fit.largest)
            alone = replace(setup, machine=setup.machine.alone)
            memory = {**measure_memory(alone, own, scored), "process_mib": process_mib}
            ended = replace(ended, memory=memory)
            yield ended
            measure = setup.config.measure
            with turn():
                speed = measure_speed(setup, measure.seconds, measure.retry)
                ended = replace(ended, speed=speed, work=work_of(setup, ended.flops, speed), status="done")
        release(setup)
    yield ended


def say_and_tell(validation: Validation, metric: str, listener: Listener) -> None:
    """Tell the listener of a validation, and log a line about it."""
    listener.validated(validation, metric)
    loss, score = loss_digits(validation.train_loss), four_digits(validation.score)
    log.info(f"step {validation.step:>6}  train loss {loss}  valid {metric} {score}")


def publish(
    prepared: Prepared, ended: Ended, folder: RunFolder, listener: Listener, before: Sequence[str] = ()
) -> Record:
    """Store the run for good, and pass its record and folder to the listener; `before` says how earlier attempts
    ended."""
    folder.come_back()
    record = replace(ended.record(prepared), attempts=[*before] or None)
    listener.ended()
    for line in summary(record).splitlines():
        log.debug(line)  # for the run's file: a terminal shows the table itself
    with writing(folder.path("")):
        ended.progress.curve.write(folder.path(names.CURVE))
        options = yaml.safe_dump(prepared.options.tree, sort_keys=False)
        folder.path(names.OPTIONS).write_text(options, encoding="utf-8")
    if ended.status == "diverged":  # it would diverge again
        Checkpoints(folder.path(""), CheckpointConfig()).clear()
    place: Path = folder.publish(record)
    record = Record.read(place)
    listener.stored(record, place)
    return record
