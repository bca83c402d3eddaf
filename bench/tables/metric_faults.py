"""Runs of one task whose records state different facts of its metric: its direction, range or target."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from bench.results.record import Record
from bench.tables.run_faults import Found

_FACTS = ("name", "unit", "direction", "lowest", "highest", "target")
_Key = tuple[Any, ...]


def metric_faults(records: Mapping[str, Record]) -> Iterator[Found]:
    """What `records`, by the names of their folders, state of a task's metric other than most of those that have the
    same task, data, code and version of bench. Chance and the best score may follow from a split that a seed draws, and
    the default target from these two: targets are compared where they are equal."""
    for about, facts in ((_task, _FACTS[:-1]), (_ends, _FACTS[-1:])):
        groups: defaultdict[_Key, list[str]] = defaultdict(list)
        for run, record in records.items():
            if record.metric is not None:
                groups[about(record)].append(run)
        for runs in groups.values():
            for name in facts:
                yield from _odd(name, {run: _metric(records[run]).get(name) for run in runs})


def _task(record: Record) -> _Key:
    return record.labels["task"], record.fingerprint, (record.code or {}).get("task"), record.harness


def _ends(record: Record) -> _Key:
    return *_task(record), _metric(record).get("chance"), _metric(record).get("solved")


def _metric(record: Record) -> Mapping[str, Any]:
    return record.metric or {}


def _odd(name: str, stated: Mapping[str, Any]) -> Iterator[Found]:
    """The runs that do not state what most do."""
    (usual, count), *others = Counter(stated.values()).most_common()
    if others:
        for run, value in stated.items():
            if value != usual:
                runs = f"{count} of the {len(stated)} runs of its task, data and code"
                yield Found(run, f"metric.{name} is {value}, and {usual} in {runs}: one was edited")
