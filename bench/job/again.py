"""A stored run held against itself: its weights scored again on its data, and the whole of it run again."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.api import Split, Task
from bench.config.options import Options, typed
from bench.config.schema import Config
from bench.config.upgrade import upgrade
from bench.errors import BenchError, StoreError
from bench.hardware.machine import Machine
from bench.hardware.settings import using_threads
from bench.job.ended import stated_metric
from bench.job.execute import execute
from bench.job.reload import reload
from bench.job.trust import Trust
from bench.measure.flops import count_flops
from bench.model.sequence import SequenceModel
from bench.results.hashes import file_hash
from bench.results.identity import code_version
from bench.results.names import WEIGHTS
from bench.results.provenance import versions
from bench.results.record import Record, finite
from bench.stats.scale import MATTERS, Scale
from bench.tables.run_faults import Found
from bench.train.evaluate import evaluate

_CLOSE = 1e-6
_SPLITS: tuple[Split, ...] = ("valid", "test")


def rescored(folder: Path, record: Record, trust: Trust) -> Iterator[Found]:
    """What the scores of a run that is done, worked out anew from its weights on its data, say other than its record.

    On a CPU of the same kind, with the same libraries, they are the same to the last bit; elsewhere a difference that
    does not matter is only noted. A run whose code or data are not here as they were is not scored, and noted.
    """
    try:
        run = reload(folder, trust=trust)
    except StoreError as error:
        yield Found(folder.name, str(error))
        return
    except BenchError as error:
        yield Found(folder.name, f"not scored again: {error}", False)
        return
    yield from (Found(folder.name, line) for line in _metric_faults(record, run.task))
    exact = _is_here(record, run.machine)
    if exact:
        yield from (Found(folder.name, line) for line in _flops_faults(record, run.model))
    for split in _SPLITS:
        with using_threads(run.machine.threads):
            made = evaluate(run.model, run.task, split, run.machine)
        stated = record.scores.get(split)
        for name in sorted({*(made or {}), *(stated or {})}):
            ours, theirs = (stated or {}).get(name), (made or {}).get(name)
            if ours != theirs and not (ours is None and theirs != theirs):
                wrong = exact or ours is None or theirs is None or abs(ours - theirs) > _matters(record, name, ours)
                here = "" if exact else " on another machine, or with other libraries"
                yield Found(folder.name, f"{name} on {split} is {ours}, and its weights score {theirs}{here}", wrong)


def _metric_faults(record: Record, task: Task) -> Iterator[str]:
    """What the record states of its metric, as its direction and its target, and its task does not."""
    made = finite(stated_metric(task.spec.metric))
    for name, ours in (record.metric or {}).items():
        if name in made and not _agree(ours, made[name]):
            yield f"metric.{name} is {ours}, and its task has {made[name]}"


def _flops_faults(record: Record, model: SequenceModel) -> Iterator[str]:
    """Operations that are not those of the model; they are counted by the rules of a version of bench."""
    if record.flops is not None and record.harness == code_version():
        counted = count_flops(model).figures()
        if counted != record.flops:
            yield f"flops are {record.flops}, and its model computes {counted}"


def _agree(stated: Any, made: Any) -> bool:
    """Whether two facts agree; numbers but for what other libraries may change of them."""
    if isinstance(stated, dict) and isinstance(made, dict):
        return stated.keys() == made.keys() and all(_agree(stated[name], made[name]) for name in made)
    if isinstance(stated, (int, float)) and isinstance(made, (int, float)):
        return math.isclose(stated, made, rel_tol=_CLOSE)
    return bool(stated == made)


def _is_here(record: Record, machine: Machine) -> bool:
    """Whether the run was made on the CPU that is here, with what is installed here."""
    facts = machine.facts()
    same = all(record.machine.get(name) == facts[name] for name in ("device", "name", "threads", "precision"))
    return same and all(record.versions.get(name) == version for name, version in versions().items())


def _matters(record: Record, name: str, score: float) -> float:
    """The least difference in a score that matters: in the metric, as in a comparison, else a hundredth of it."""
    metric = record.metric
    if metric is None or name != metric["name"]:
        return MATTERS * abs(score)
    ends = {end: metric.get(end) for end in ("chance", "solved", "lowest", "highest", "target")}
    return Scale(direction=metric["direction"], unit=metric["unit"], **ends).region(score)  # type: ignore[arg-type]


def retrained(folder: Path, record: Record, trust: Trust) -> Iterator[Found]:
    """Whether the run, made again from its options in a folder that is removed afterwards, agrees to the last bit.

    Raises BenchError where it cannot be run at all.
    """
    if record.config.get("budget", {}).get("seconds") is not None:
        yield Found(folder.name, "not run again: a budget in seconds has other steps each time", False)
        return
    if (devices := record.machine.get("devices", 1)) > 1:
        yield Found(folder.name, f"not run again: it was of {devices} devices, by torchrun", False)
        return
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as place:
        again = execute(_options(record, trust, place))
        if again.identity != record.identity:
            line = "run again with another identity: code, data or the version of bench differ from those of the record"
            yield Found(folder.name, line, False)
        if (again.status, again.scores) != (record.status, record.scores):
            said = [f"{each.status}, {each.score}" for each in (record, again)]
            yield Found(folder.name, f"run again, it does not agree: it was {said[0]}, and is {said[1]}")
            return
        made = Path(place) / "runs" / again.id / WEIGHTS
        same = made.is_file() and file_hash(made) == file_hash(folder / WEIGHTS)
        line = "agrees to the last bit, scores and weights" if same else "its scores agree, and its weights differ"
        yield Found(folder.name, f"run again, {line}", not same)


def _options(record: Record, trust: Trust, results_dir: str) -> Options:
    """The options of a run to be made again, its results elsewhere."""
    config: Config = typed(trust.checked(record, upgrade(record.config)))
    config = replace(config, results_dir=results_dir, rerun="failed")
    choices = {"task": record.task, "cell": "custom" if record.cell.startswith("custom:") else record.cell}
    return Options(config, choices | ({"experiment": record.experiment} if record.experiment else {}), record.changed)
