"""A stored run whole, in lines for a screen: scores, learning curve, options, what its task said, and files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.tree import written
from bench.errors import StoreError
from bench.printable import printable
from bench.results.curve import read_curve
from bench.results.figures import Scores, ToTarget
from bench.results.names import CURVE
from bench.results.record import Record
from bench.tables.closing import is_spent_elsewhere, parts_of_time, summary
from bench.tables.formats import four_digits, three_digits, with_prefix, with_prefix_apart

_BARS = "▁▂▃▄▅▆▇█"
_NAMES = 13  # columns of the names of the facts
_MOST_POINTS = 60


def whole(record: Record, folder: Path, width: int) -> str:
    """The run in `folder` in lines that are at most `width` long."""
    lines = summary(record).splitlines()
    facts = [*_curve(record, folder, width), *_facts(record), ("files", ", ".join(_files(folder)))]
    lines += [f"  {name:<{_NAMES - 3}} {fact}" for name, fact in facts]
    wrapped = (textwrap.wrap(printable(line), width, subsequent_indent=" " * _NAMES) for line in lines)
    return "\n".join(line for parts in wrapped for line in parts)


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    if record.changed:
        yield "options", ", ".join(f"{name}={written(value)}" for name, value in record.changed.items())
    for number, note in enumerate(getattr(record, "notes", None) or ()):
        yield "" if number else "data", note
    if record.to_target and record.metric:
        yield "target", _target(record.metric, record.to_target)
    if record.time and not is_spent_elsewhere(record):  # else it is in the summary
        yield "time", parts_of_time(record)
    if parts := _memory(record):
        yield "in memory", parts
    if record.experiment:
        yield "experiment", record.experiment
    if record.resumed:
        yield "resumed", _resumed(record.resumed)
    if record.form_refused:
        yield "form", record.form_refused
    if compiler := record.versions.get("c++"):
        yield "kernels", f"by {compiler}"
    commit = record.git.get("commit")
    edited = ", with edits" * bool(record.git.get("dirty"))
    yield "finished", f"{record.finished}" + (f" at commit {str(commit)[:12]}{edited}" if commit else "")


def _resumed(resumed: Mapping[str, Any]) -> str:
    """What the run went on from."""
    form = f"cells that went by {resumed['unroll']}" if "unroll" in resumed else ""
    return f"from {resumed['folder']}{form and f', with {form}'}" if "folder" in resumed else f"from {form}"


def _target(metric: Scores, found: ToTarget) -> str:
    """When valid reached the target, in a few words."""
    goal = f"{metric['name']} {four_digits(metric.get('target'))} on valid"
    if not found["reached"]:
        return f"{goal} was not reached"
    flops = "" if found["flops"] is None else f", {with_prefix_apart(found['flops'])}FLOP"
    tokens = f"{with_prefix(found['tokens'])} tokens"
    return (
        f"{goal} after {found['steps']} steps, {tokens}, {three_digits(found['seconds'] or 0.0)} s of training{flops}"
    )


def _memory(record: Record) -> str:
    """The parts of the peak and what else is known of memory; empty in records of older versions."""
    found = record.memory or {}
    parts = {
        "weights": "weights_mib", "copies": "copies_mib", "optimiser": "optimizer_mib",
        "a step": "activations_mib", "scoring": "evaluation_mib",
    }  # fmt: skip
    said = [f"{name} {four_digits(found[key])} MiB" for name, key in parts.items() if found.get(key) is not None]
    for name, key in {"a token": "activation_bytes", "a stream": "state_bytes"}.items():
        if (count := found.get(key)) is not None:
            said.append(f"{name} {size(count)}")
    return ", ".join(said) if len(said) > 1 else ""


def _curve(record: Record, folder: Path, width: int) -> Iterator[tuple[str, str]]:
    """A line for the score on valid and one for the loss in training, each with its course over the validations."""
    if not (folder / CURVE).is_file():
        return
    try:
        curve = read_curve(folder / CURVE)
    except StoreError as error:
        yield "curve", str(error)
        return
    metric = record.metric["name"] if record.metric else ""
    for name, column in ((f"valid {metric}", f"valid_{metric}"), ("train loss", "train_loss")):
        if column in curve and not (values := curve[column].dropna()).empty:
            ends = f"{four_digits(values.iloc[0])} to {four_digits(values.iloc[-1])}"
            yield "curve", f"{sparkline(values, min(_MOST_POINTS, width - 50))}  {name}, {ends}"


def sparkline(values: pd.Series[float], points: int) -> str:
    """Values as bars from the least to the largest; of more than `points`, the means of as many stretches."""
    stretches = [values.iloc[len(values) * i // points : len(values) * (i + 1) // points].mean() for i in range(points)]
    found = [*values] if len(values) <= points else stretches
    least, span = min(found), max(found) - min(found)
    return "".join(_BARS[round((value - least) / span * (len(_BARS) - 1)) if span else 0] for value in found)


def _files(folder: Path) -> list[str]:
    """The files of the run with their sizes, after the folder that they are in."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [f"in {folder}", *(f"{path.relative_to(folder)} ({size(path.stat().st_size)})" for path in found)]


def size(count: float) -> str:
    """A number of bytes: `11.1 KiB`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
