"""The lines that close a run: scores, speed, memory, model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.results.record import Record
from bench.stats.interval import gap_closed
from bench.tables.formats import digits, human


def title(record: Record) -> str:
    """What the run was, as its row is labelled."""
    labels = record.labels
    return "  ".join([labels["task"], labels["cell"], labels["bptt"], labels["budget"], f"seed {record.seed}"])


def summary(record: Record) -> str:
    """A run in a few aligned lines."""
    after = "" if record.seconds is None else f" after {record.seconds:.1f} s"
    lines = [f"{title(record)}: {record.status}{after}"]
    facts = {"reason": record.reason}
    if record.metric and record.status == "done":
        facts |= _scores(record)
    if record.speed:
        speeds = (record.speed[key] for key in ("train_tokens_per_s", "infer_tokens_per_s", "step_us"))
        train, infer, step = (human(speed["median"] if speed else None) for speed in speeds)
        facts["speed"] = f"training {train} tokens/s, inference {infer} tokens/s, streaming {step} µs a step"
    if record.memory:
        facts["memory"] = f"peak {digits(record.memory['peak_mib'])} MiB in a training step"
    if record.params is not None:
        facts["model"] = f"{record.params:,} parameters, {record.unroll} unroll, {record.labels['hardware']}"
    return "\n".join([*lines, *(f"  {name:<10} {fact}" for name, fact in facts.items() if fact)])


def _scores(record: Record) -> dict[str, str | None]:
    metric = record.metric
    assert metric is not None
    facts = {}
    for split, values in record.scores.items():
        others = ", ".join(f"{name} {digits(value)}" for name, value in values.items() if name != metric["name"])
        facts[split] = f"{metric['name']} {digits(values[metric['name']])}" + f"  ({others})" * bool(others)
    score = metric["valid"] if metric["test"] is None else metric["test"]
    gap = ""
    if score is not None and metric["solved"] is not None and metric["chance"] is not None:
        gap = f"; gap closed {gap_closed(score, metric['chance'], metric['solved']):.1%}"
    return {**facts, "to beat": f"{to_beat(metric)}{gap}"}


def to_beat(metric: Mapping[str, Any]) -> str:
    scores = {"chance": metric["chance"], **metric["baselines"], "solved": metric["solved"]}
    return ", ".join(f"{name} {digits(value)}" for name, value in scores.items() if value is not None)
