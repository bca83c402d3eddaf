"""A run at its end: its status, scores and measurements, and the record of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from bench.api import Metric
from bench.config.options import Options
from bench.errors import BenchError, Diverged
from bench.hardware.ranks import RankLost
from bench.job.log import log
from bench.job.prepared import Prepared
from bench.job.reason import is_out_of_memory, reason_of
from bench.measure.flops import parameter_count
from bench.results import provenance
from bench.results.labels import cell_name, make_labels
from bench.results.record import Record, Status
from bench.results.to_target import flop_per_token, to_target
from bench.train.progress import Progress
from bench.train.setup import Setup
from bench.unroll.generated import KernelUnroll


@dataclass(frozen=True)
class Ended:
    """The outcome of a run, after any of its stages. It counts as failed until the last stage is done.

    `scores` are those of the best weights, by split and name. `flops`, `products`, `speed`, `memory` and `work` are
    None before they are measured.
    """

    status: Status = "failed"
    reason: str | None = None
    progress: Progress = field(default_factory=Progress)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    flops: Any = None
    products: list[str] | None = None
    memory: Any = None
    speed: Any = None
    work: Any = None

    def by(self, error: BaseException) -> Ended:
        """The outcome after `error`; the traceback of an unexpected error goes to the run's log."""
        if isinstance(error, KeyboardInterrupt):
            return replace(self, status="interrupted", reason=f"stopped at step {self.progress.steps}")
        if isinstance(error, RankLost):
            stopped = f"stopped at step {self.progress.steps}: " * (error.status == "interrupted")
            return replace(self, status=cast(Status, error.status), reason=f"{stopped}{error}")
        lacks_memory = is_out_of_memory(error)
        if isinstance(error, BenchError) and not lacks_memory:
            return replace(self, status="diverged" if isinstance(error, Diverged) else "failed", reason=str(error))
        log.debug("the run failed", exc_info=error)
        return replace(self, status="out of memory" if lacks_memory else "failed", reason=reason_of(error))

    def timed_out(self, options: Options) -> Ended:
        """The outcome of a run whose time is over; one that had ended by then has ended as it did."""
        if self.status != "interrupted":
            return self
        config = options.config
        goes_on = (
            "; the same command goes on from there" if config.checkpoint.seconds or config.checkpoint.steps else ""
        )
        reason = f"hard_seconds={config.hard_seconds:g} were over at step {self.progress.steps}{goes_on}"
        return replace(self, status="timed out", reason=reason)

    def record(self, prepared: Prepared) -> Record:
        """The record of the run up to now; publishing it sets the id."""
        options, setup = prepared.options, prepared.setup
        config = options.config
        spent = prepared.life.seconds | ({"before": self.progress.before} if self.progress.before else {})
        return Record(
            id=prepared.stem,
            status=self.status,
            reason=self.reason,
            task=prepared.task_id,
            cell=cell_name(options.choices["cell"], config.cell),
            bptt=config.bptt.kind,
            seed=config.seed,
            metric=self._metric(prepared),
            scores={split: dict(scores) for split, scores in self.scores.items()},
            params=parameter_count(setup.model) if setup else None,
            speed=self.speed,
            memory=self.memory,
            work=self.work,
            to_target=self._to_target(prepared),
            seconds=round(sum(spent.values()), 3),
            time={part: round(seconds, 6) for part, seconds in spent.items()},
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            config=options.tree,
            versions=provenance.versions() | _compiler(setup),
            git=provenance.git(),
            machine=(dict(setup.machine.facts()) if setup else {}) | _as_one(prepared),
            changed=dict(options.changed),
            labels=make_labels(prepared.task_id, options, prepared.hardware, prepared.untrained),
            identity=prepared.identity.hash,
            fingerprint=prepared.identity.data,
            unroll=setup.unroll if setup else None,
            clipped=self.progress.clipped_share,
            hidden=setup.config.model.hidden if setup and config.match.wanted is not None else None,
            code=prepared.identity.code,
            sources={role: dict(found) for role, found in prepared.identity.sources.items()},
            harness=prepared.identity.harness,
            experiment=options.choices.get("experiment"),
            resumed=self._resumed(prepared),
            flops=self.flops,
            untrained=prepared.untrained,
            form_refused=setup.model.form.refused if setup else None,
            products=self.products,
            notes=list(prepared.task.spec.notes) if prepared.task else None,
        )

    def _resumed(self, prepared: Prepared) -> dict[str, Any] | None:
        """Where the run went on from another one, or from itself in another form."""
        if prepared.source is not None:
            return prepared.source.stated()
        return {"unroll": ", ".join(self.progress.forms)} if self.progress.forms else None

    def _to_target(self, prepared: Prepared) -> Any:
        """What it took until valid reached the task's target; None where there is no task."""
        if prepared.task is None:
            return None
        metric = prepared.task.spec.metric
        return to_target(self.progress.curve.rows, metric.name, metric.scale, flop_per_token(self.flops, self.work))

    def _metric(self, prepared: Prepared) -> Any:
        """The task's metric with the run's scores in it; None where there is no task."""
        if prepared.task is None:
            return None
        metric = prepared.task.spec.metric
        scored = {split: self.scores.get(split, {}).get(metric.name) for split in ("valid", "test")}
        return {**stated_metric(metric), **scored}


def stated_metric(metric: Metric) -> dict[str, Any]:
    """A task's metric as a record states it, without scores: its range and its target filled in."""
    lowest, highest = (end if math.isfinite(end) else None for end in metric.scale.range)
    filled = {"lowest": lowest, "highest": highest, "target": metric.scale.goal}
    return {**asdict(metric), "baselines": dict(metric.baselines), **filled}


def _as_one(prepared: Prepared) -> dict[str, str]:
    return {} if prepared.as_one is None else {"as_one_device": prepared.as_one}


def _compiler(setup: Setup | None) -> dict[str, str]:
    """The version of the compiler that made the run's kernels: their last bits depend on it."""
    unrolls = setup.model.unrolls if setup else ()
    return next(({"c++": unroll.compiler} for unroll in unrolls if isinstance(unroll, KernelUnroll)), {})
