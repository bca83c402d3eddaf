"""Synthetic records, for tests of what happens after a run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.results.figures import Scores, Speed, Summary
from bench.results.record import Labels, Record
from bench.results.row import Row
from bench.results.store import Store


def a_record(**changes: Any) -> Record:
    """The record of a GRU that has done the copy task, but for `changes`."""
    return replace(_RECORD, **changes)


def a_failure(**changes: Any) -> Record:
    """The record of a run that failed before anything about it was known."""
    nothing = dict.fromkeys(("metric", "params", "speed", "memory", "work", "to_target", "seconds", "unroll"))
    return a_record(
        **{"status": "failed", "scores": {}, "reason": "model.hidden=0: must be 1 or more", **nothing, **changes}
    )


def a_row(**changes: Any) -> Row:
    """The row of `a_record`, but for `changes`; its identity and id follow its seed where they are not given."""
    seed = changes.get("seed", 0)
    return Row.of(_RECORD, written=1)._replace(**{"id": f"run-{seed}", "identity": f"identity-{seed}", **changes})


def a_score(test: float | None, **changes: Any) -> Scores:
    """Recall accuracy, with `test` as the test score."""
    return {**_METRIC, "test": test, **changes}  # type: ignore[typeddict-item]


def publish(store: Store, base: str, **changes: Any) -> Path:
    """Publish an attempt at run `base`."""
    record = a_record(**{"identity": base, **changes})
    with store.open(base, record.identity) as folder:
        return folder.publish(record)


_METRIC: Scores = {
    "name": "recall_accuracy",
    "unit": "share",
    "direction": "max",
    "valid": 0.98,
    "test": 0.97,
    "chance": 0.2,
    "solved": 1.0,
    "baselines": {"majority": 0.21},
    "lowest": 0.0,
    "highest": 1.0,
    "target": 0.96,
}
_SUMMARY: Summary = {"median": 1.5e5, "q1": 1.4e5, "q3": 1.6e5, "samples": [1.4e5, 1.5e5, 1.6e5], "marks": {}}
_SPEED: Speed = {
    "train_tokens_per_s": _SUMMARY,
    "infer_tokens_per_s": _SUMMARY,
    "step_us": {**_SUMMARY, "median": 45.2, "p99": 61.5, "real_time": None},
    "prefill_tokens_per_s": {**_SUMMARY, "median": 8e4},
}
_LABELS: Labels = {
    "task": "copy-v1",
    "cell": "gru",
    "bptt": "full",
    "budget": "1500 steps",
    "hardware": "a processor, cpu 1 thread float32",
}
_RECORD = Record(
    id="copy-gru",
    status="done",
    reason=None,
    task="copy-v1",
    cell="gru",
    bptt="full",
    seed=0,
    metric=_METRIC,
    scores={"valid": {"recall_accuracy": 0.98}, "test": {"recall_accuracy": 0.97}},
    params=51_210,
    speed=_SPEED,
    memory={"peak_mib": 12.5, "activations_mib": 3.25, "evaluation_mib": 8.5, "process_mib": 75.25},
    work={
        **{"train_flop_per_s": 2.5e10, "peak_flop_per_s": 5e10, "train_peak_share": 0.5},
        **{"gemm_share": 0.75, "joules_a_token": 1e-4},
    },
    to_target={"reached": True, "steps": 700, "tokens": 448_000, "seconds": 8.5, "flops": 2.6e10},
    seconds=31.25,
    finished="2026-01-31T12:00:00+00:00",
    config={
        "model": {"hidden": 128},
        "clip": {"norm": 1.0},
        "lags": [0, 1],
        "batch_size": 32,
        "chosen": "default",
        "seeds": {"data": None, "split": None},
    },
    versions={"torch": "2.13.0", "python": "3.11.7"},
    git={"commit": "0123abcd", "dirty": False},
    machine={"device": "cpu", "threads": 1},
    changed={},
    labels=_LABELS,
    identity="copy-gru",
    fingerprint=None,
    unroll="vendor",
    code={"task": "7a5c", "cell": "ce11", "files": "f11e", "optimizer": "0b71", "schedule": "5ced"},
    sources={"task": {"bench/tasks/copy.py": "1" * 64}, "cell": {"bench/cells/gru.py": "2" * 64, "torch": "2.13.0"}},
    harness="3" * 64,
)
NOT_FINITE = (math.nan, math.inf, -math.inf)
