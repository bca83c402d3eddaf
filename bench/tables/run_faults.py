"""What in a stored run does not follow from the rest of it: from its files, its options, and its raw samples."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from bench.config.options import Options, typed
from bench.config.tree import flatten
from bench.config.upgrade import upgrade
from bench.errors import StoreError
from bench.results.curve import read_curve
from bench.results.folder import base_of
from bench.results.hashes import digest, file_hash
from bench.results.identity import Identity, code_version
from bench.results.labels import make_labels, run_stem
from bench.results.names import CURVE, LOG, OPTIONS, WEIGHTS
from bench.results.record import Record
from bench.results.row import Row
from bench.results.to_target import flop_per_token, to_target
from bench.stats.summary import summarise
from bench.tables.closing import summary

_CLOSE = 1e-9
"""The relative difference that other versions of libraries may make."""

_PASSES: tuple[Literal["forward", "backward"], ...] = ("forward", "backward")


@dataclass(frozen=True)
class Found:
    """What was found about a run or a table: `wrong`, or only to be known."""

    about: str
    line: str
    wrong: bool = True

    def __str__(self) -> str:
        return f"{'' if self.wrong else 'note: '}{self.about}: {self.line}"


def run_faults(folder: Path, record: Record) -> Iterator[Found]:
    """All that is wrong with the run in `folder`, as far as this can be told without its model.

    What depends on how this version of bench writes a run (its identity, its labels, the lines of its log) is held only
    against runs of this version.
    """
    checks: list[Callable[[Path, Record], Iterator[str]]]
    checks = [_files, _digest, _name, _scores, _target, _status, _speeds, _work, _options]
    ours = record.harness == _code()
    for check in [*checks, _identity, _labels, _log] if ours else checks:
        try:
            yield from (Found(folder.name, line) for line in check(folder, record))
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:  # of what a forger has put there
            yield Found(folder.name, f"cannot be checked ({type(error).__name__}: {error})")
    if not ours:
        yield Found(folder.name, "made by another version of bench: identity, labels and log are not checked", False)
        if record.files is None:
            yield Found(folder.name, "no hashes: it was made before records stated those of their files", False)
        elif record.digest is None:
            yield Found(folder.name, "no digest: it was made before records stated that of themselves", False)


@cache
def _code() -> str:
    return code_version()


def _files(folder: Path, record: Record) -> Iterator[str]:
    if record.files is None and record.harness == _code():
        yield "the record states no hashes of its files: they were taken out of it"
    for name, stated in (record.files or {}).items():
        path = folder / Path(name).name
        if not path.is_file():
            yield f"{name} is missing"
        elif file_hash(path) != stated:
            yield f"{name} is not as the run left it: its SHA-256 is not the record's"


def _digest(folder: Path, record: Record) -> Iterator[str]:
    if record.digest is None:
        if record.harness == _code():
            yield "the record states no digest of itself: it was taken out of it"
    elif record.digest != digest(record):
        yield "record.json is not as the run left it: its digest is another"


def _name(folder: Path, record: Record) -> Iterator[str]:
    stem = run_stem(record.task, record.cell, record.seed, record.identity)
    if base_of(folder.name) != stem:
        yield f"the folder's name is not that of its record, {stem}: task, cell, seed or identity was edited"


def _scores(folder: Path, record: Record) -> Iterator[str]:
    if record.metric is None:
        return
    for split in ("valid", "test"):
        ours, theirs = record.metric[split], record.scores.get(split, {}).get(record.metric["name"])
        if ours != theirs:
            yield f"metric.{split} is {ours}, and scores.{split} has {theirs}"


def _target(folder: Path, record: Record) -> Iterator[str]:
    """When the target was reached, where that is not what the curve says."""
    scale = Row.of(record, written=0).scale
    if record.metric is None or scale is None or (record.to_target is None and record.harness != _code()):
        return
    try:
        curve: list[Any] = read_curve(folder / CURVE).to_dict("records")
    except StoreError:  # there is none, or its hash says that it was changed
        return
    made: Mapping[str, Any] = (
        to_target(curve, record.metric["name"], scale, flop_per_token(record.flops, record.work)) or {}
    )
    stated: Mapping[str, Any] = record.to_target or {}
    for name in made.keys() | stated.keys():
        ours, theirs = stated.get(name), made.get(name)
        if ours != theirs and not (theirs is not None and _is_close(ours, theirs)):
            yield f"to_target.{name} is {ours}, and its curve makes it {theirs}"


def _status(folder: Path, record: Record) -> Iterator[str]:
    if record.status != "done":
        if record.reason is None:
            yield f"it is {record.status} and gives no reason"
        return
    if record.reason is not None:
        yield f"it is done and gives a reason why it is not: {record.reason}"
    if record.score is None or record.speed is None:
        yield f"it is done and has no {'score' if record.score is None else 'speed'}"
    if not (folder / WEIGHTS).is_file() and WEIGHTS not in (record.files or {}):
        yield f"it is done and has no {WEIGHTS}"
    if record.time is not None and record.seconds is not None:
        total = math.fsum(record.time.values())
        if not math.isclose(total, record.seconds, abs_tol=0.001 * (1 + len(record.time))):
            yield f"seconds is {record.seconds}, and its parts add up to {total:.3f}"


def _speeds(folder: Path, record: Record) -> Iterator[str]:
    yield from _figures("speed", record.speed or {})


def _figures(name: str, figure: Mapping[str, Any]) -> Iterator[str]:
    """The statistics of a figure, and of those within it, that its samples do not give."""
    if samples := figure.get("samples"):
        made = summarise(samples)
        for key in made.keys() & figure.keys() - {"samples"}:
            if not _is_close(figure[key], made[key]):
                yield f"{name}.{key} is {figure[key]}, and its samples give {made[key]}"
    for key, part in figure.items():
        if isinstance(part, dict):
            yield from _figures(f"{name}.{key}", part)


def _work(folder: Path, record: Record) -> Iterator[str]:
    """The operations a second, and their shares of the peak, that operations and speeds do not give."""
    stated, speed, flops = record.work or {}, record.speed, record.flops
    if flops is None or speed is None:
        return
    forward, backward = (sum(flops[way][kind] for kind in ("products", "elementwise")) for way in _PASSES)
    peak = stated.get("peak_flop_per_s")
    for way, figure, count, devices in (
        ("train", speed["train_tokens_per_s"], forward + backward, record.machine.get("devices", 1)),
        ("infer", speed["infer_tokens_per_s"], forward, 1),
    ):
        rate, median = stated.get(f"{way}_flop_per_s"), figure and figure["median"]
        made = {
            f"{way}_flop_per_s": median and count * median,
            f"{way}_peak_share": rate and peak and rate / (devices * peak),
        }
        for name, value in made.items():
            if value and stated.get(name) is not None and not _is_close(stated[name], value):
                yield f"work.{name} is {stated[name]}, and operations, speed and peak give {value}"


def _is_close(stated: Any, made: float) -> bool:
    return isinstance(stated, (int, float)) and math.isclose(stated, made, rel_tol=_CLOSE)


def _options(folder: Path, record: Record) -> Iterator[str]:
    stated = flatten(record.config)
    if (folder / OPTIONS).is_file():
        written = flatten(_plain(yaml.safe_load((folder / OPTIONS).read_text("utf-8"))))
        for key in sorted(stated.keys() | written.keys()):
            if stated.get(key) != written.get(key):
                yield f"{key} is {stated.get(key)} in the record, and {written.get(key)} in {OPTIONS}"
                break
    if record.config.get("seed", record.seed) != record.seed:
        yield f"seed is {record.seed}, and that of its options {record.config['seed']}"


def _plain(tree: Any) -> Any:
    """A tree as a record has it: numbers that are none are null."""
    return json.loads(json.dumps(tree), parse_constant=lambda name: None)


def _identity(folder: Path, record: Record) -> Iterator[str]:
    device = None
    if record.machine:
        kind = str(record.machine["device"]).partition(":")[0]
        several = f"{count}x " if (count := record.machine.get("devices", 1)) > 1 else ""
        device = several + ("cpu" if kind == "cpu" else f"{kind} {record.machine['name']}")
    made = Identity(record.config, record.task, device, record.fingerprint, record.sources or {}, record.harness or "")
    if made.code != (record.code or {}):
        yield "code is not that of its sources: one of them was edited"
    if made.hash != record.identity:
        yield "identity is not that of its options, code, data and device: one of them was edited"


def _labels(folder: Path, record: Record) -> Iterator[str]:
    choice = "custom" if record.cell.startswith("custom:") else record.cell
    options = Options(typed(upgrade(record.config)), {"cell": choice}, record.changed)
    made = make_labels(record.task, options, record.labels["hardware"], record.untrained or 0.0)
    for name, label in made.items():
        if record.labels[name] != label:  # type: ignore[literal-required]
            yield f"the label {name} is {record.labels[name]}, and its options make it {label}"  # type: ignore


def _log(folder: Path, record: Record) -> Iterator[str]:
    """The first line of the run's closing table that its log does not have."""
    if (folder / LOG).is_file():
        said = (folder / LOG).read_text("utf-8", errors="replace")
        for line in summary(record).splitlines():
            if f" {line}\n" not in said:
                yield f"{LOG} does not say what its record does: {line.strip()}"
                return
