"""Fair tuning: every cell has the same trials of the same search space, is chosen on valid, and scored on new seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.config.keywords import quoted
from bench.config.options import Member, Options
from bench.config.search import short_hash
from bench.job.execute import execute
from bench.job.listener import Listener, together
from bench.results import names
from bench.results.curve import read_curve
from bench.results.record import Record
from bench.results.row import Row
from bench.results.store import Store
from bench.results.trial import Trial
from bench.study.studies import Plan, Study, studies
from bench.study.trials import Pruned, Trials, opened, require_optuna
from bench.tables.closing import after, scores_in_a_line
from bench.tables.formats import four_digits
from bench.tables.tuning import Tuned, best_of
from bench.train.validation import Validation


class Watch:
    """Whoever follows a tune: `listens` gives the listener of one run, `says` has a line for each."""

    def __init__(
        self, listens: Callable[[Member], AbstractContextManager[Listener]], says: Callable[[str], None]
    ) -> None:
        self.listens, self.says = listens, says


def tune(plan: Plan, watch: Watch) -> list[Tuned]:
    """Tune every member of the plan, and score its default options and the chosen ones on seeds that no trial had.

    Trials are runs in `plan.folder`, a results folder of its own; the runs at the end are in that of the options. A
    tune that was killed goes on where it was, to the same result.

    Raises BenchError for whatever is wrong before anything is trained, and where trials cannot be kept; a trial that
    fails or diverges is one without a score. A KeyboardInterrupt is raised again.
    """
    require_optuna()
    tuned = studies(plan)
    runs = _Runs(len(tuned) * (plan.trials + 2 * plan.seeds), plan.folder, watch)
    trials = [_tried(study, runs) for study in tuned]
    return [_finished(study, found, runs) for study, found in zip(tuned, trials, strict=True)]


class _Runs:
    """Runs one after the other, counted."""

    def __init__(self, total: int, folder: Path, watch: Watch) -> None:
        self._total, self._folder, self._watch, self._number = total, folder, watch, 0

    def skip(self, runs: int) -> None:
        """Count runs that are there already."""
        self._number += runs

    def run(self, options: Options, *listeners: Listener) -> Record:
        """The record of a run, which is stored whatever it came to."""
        self._number += 1
        member = Member(self._number, self._total, self._folder)
        with self._watch.listens(member) as listener:
            return execute(replace(options, member=member), together(listener, *listeners))

    def say(self, what: str, record: Record, score: str) -> None:
        """A line about the last run: `what` it is, and its `score` or why it has none."""
        outcome = score if record.status == "done" else f"{record.status}, {record.reason}"
        self._watch.says(f"[{self._number}/{self._total}] {what}: {outcome}{after(record)}")


class _Pruning(Listener):
    """Ends a trial early where the pruner says so."""

    def __init__(self, trials: Trials) -> None:
        self._trials, self.pruned = trials, False

    def validated(self, validation: Validation, metric: str) -> None:
        """Report the score."""
        if self._trials.report(validation.score):
            self.pruned = True
            raise Pruned(f"pruned at step {validation.step}: worse than the median of earlier trials")


def _tried(study: Study, runs: _Runs) -> list[Trial]:
    """The trials of a study, those that are missing run now."""
    wanted = study.plan.trials
    with opened(study.path, study.drawing, study.stated) as trials:
        runs.skip(min(len(trials.told), wanted))
        for number in range(len(trials.told) + 1, wanted + 1):
            trial = _trial(study, trials, runs, f"{study.task} {study.cell} trial {number} of {wanted}")
            trials.tell(trial)
        return trials.told[:wanted]


def _trial(study: Study, trials: Trials, runs: _Runs, what: str) -> Trial:
    """Run the next trial, and say `what` it came to."""
    plan, values = study.plan, trials.ask()
    further = [f"results_dir={quoted(str(plan.folder))}", "measure.seconds=0.01"]  # nobody reads the speed of a trial
    pruning = _Pruning(trials) if plan.pruner != "none" else None
    if pruning:
        further.append("resume=never")  # the validations before a checkpoint would not be reported again
    options = study.composed(values, *further)
    record = runs.run(options, *([pruning] if pruning else []))
    score = record.metric["valid"] if record.status == "done" and record.metric else None
    score = score if score is not None and math.isfinite(score) else None
    runs.say(what, record, f"valid {study.metric.name} {four_digits(score)}")
    curve = Store(plan.folder).runs / record.id / names.CURVE
    tokens = int(read_curve(curve)["tokens"].max()) if curve.is_file() else 0
    status = "pruned" if pruning and pruning.pruned else record.status
    return Trial(values, score, record.id, status, record.reason, record.seconds or 0.0, tokens)


def _finished(study: Study, trials: list[Trial], runs: _Runs) -> Tuned:
    """The study with the runs at its end: of the default options, and of the best trial's where there is one."""
    best = best_of(trials, study.metric.scale)
    lots: dict[str, tuple[Mapping[str, Any], list[str]]] = {"default": ({}, [])}
    if best is not None:
        chosen = f"{len(trials)} trial{'s' * (len(trials) > 1)} of {short_hash(study.plan.space)}"
        lots["tuned"] = best.values, [f"chosen={quoted(chosen)}"]
    found: dict[str, list[Row]] = {"default": [], "tuned": []}
    first = study.options.config.seed + 1
    for name, (values, further) in lots.items():
        for seed in range(first, first + study.plan.seeds):
            options = study.composed(values, *further, f"seed={seed}")
            record = runs.run(options)
            score = scores_in_a_line(record) if record.status == "done" else ""
            runs.say(f"{study.task} {study.cell} {name} seed {seed}", record, score)
            found[name].append(Row.of(record, written=0))
    task, budget = found["default"][0].task, found["default"][0].budget
    return Tuned(task, study.cell, study.metric.name, study.metric.scale, budget, trials, best, **found)
