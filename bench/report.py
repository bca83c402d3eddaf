"""What a user sees of a run: progress while it goes, a closing table, and the same lines in the run's own log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bench.record import Record
from bench.stats import gap_closed

_REFRESH = 0.2  # seconds between updates of the bar; more often would cost time in short steps

log = logging.getLogger("bench")
log.setLevel(logging.DEBUG)
log.propagate = False


class Reporter:
    """Prints a run's progress: a bar on a terminal, quiet lines elsewhere; all lines go to the run's log as well."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._row = TaskID(0)
        self._next_refresh = 0.0
        self._score = ""
        self._terminal = sys.stderr.isatty()

    @contextmanager
    def logging_to(self, path: Path) -> Iterator[None]:
        """Copy every line, with its time, to the file at `path`."""
        handler = logging.FileHandler(path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        log.addHandler(handler)
        try:
            yield
        finally:
            self._stop_bar()
            log.removeHandler(handler)
            handler.close()

    def start(self, run: str, metric: dict[str, Any], params: int, unroll: str, hardware: str) -> None:
        """Say what begins, and which scores are to be beaten."""
        self.info(f"{run}: {params:,} parameters, {unroll} unroll, on {hardware}")
        scores = {"chance": metric["chance"], **metric["baselines"], "solved": metric["solved"]}
        known = ", ".join(f"{name} {digits(value)}" for name, value in scores.items() if value is not None)
        direction = "higher" if metric["direction"] == "max" else "lower"
        self.info(f"{metric['name']} in {metric['unit']}, {direction} is better: {known}")
        if self._terminal:
            columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}% {task.description}"), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._row = self._bar.add_task("", total=1.0)
            self._bar.start()

    def step(self, spent: float, loss: float, steps: int, tokens_per_s: float) -> None:
        """Called after every training step; refreshes the bar now and then."""
        if self._bar is None or time.perf_counter() < self._next_refresh:
            return
        self._next_refresh = time.perf_counter() + _REFRESH
        text = f"step {steps}  loss {loss:.4f}  {self._score}{human(tokens_per_s)} tokens/s"
        self._bar.update(self._row, completed=min(spent, 1), description=text)

    def validation(self, steps: int, train_loss: float, metric: str, score: float) -> None:
        """A line for each validation."""
        self._score = f"{metric} {digits(score)}  "
        self.info(f"step {steps:>6}  train loss {train_loss:.4f}  valid {metric} {digits(score)}")

    def measuring(self) -> None:
        """Training is over; speed and memory are measured."""
        self._stop_bar()
        self.info("measuring speed and memory")

    def info(self, line: str) -> None:
        """A line for the screen and the log."""
        log.info(line)
        console = self._bar.console if self._bar else None
        if console:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def already_done(self, record: Record) -> None:
        """Say that the run exists, and show it."""
        self.info(f"{record.id} is done already; run it again with rerun=true")
        print(summary(record))

    def end(self, record: Record, place: Path) -> None:
        """The closing table."""
        self._stop_bar()
        print(summary(record))
        print(f"  {'record':<10} {place}", flush=True)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def summary(record: Record) -> str:
    """A run in a few aligned lines."""
    labels = record.labels
    title = "  ".join([labels["task"], labels["cell"], labels["bptt"], labels["budget"], f"seed {record.seed}"])
    took = f" after {record.seconds:.1f} s" if record.seconds is not None else ""
    lines = [f"{title}: {record.status}{took}"]
    if record.reason:
        lines.append(f"  {'reason':<10} {record.reason}")
    if record.metric and record.status == "done":
        lines += _score_lines(record)
    if record.speed:
        speeds = (record.speed[key] for key in ("train_tokens_per_s", "infer_tokens_per_s", "step_us"))
        train, infer, step = (human(speed["median"] if speed else None) for speed in speeds)
        lines.append(f"  {'speed':<10} training {train} tokens/s, inference {infer} tokens/s, streaming {step} µs a step")
    if record.memory:
        lines.append(f"  {'memory':<10} peak {digits(record.memory['peak_mib'])} MiB in a training step")
    if record.params is not None:
        lines.append(f"  {'model':<10} {record.params:,} parameters, {record.unroll} unroll, {labels['hardware']}")
    return "\n".join(lines)


def _score_lines(record: Record) -> list[str]:
    metric, scores = record.metric, record.scores
    assert metric is not None
    context = {"chance": metric["chance"], **metric["baselines"], "solved": metric["solved"]}
    known = ", ".join(f"{name} {digits(value)}" for name, value in context.items() if value is not None)
    lines = []
    for split, values in scores.items():
        others = ", ".join(f"{name} {digits(value)}" for name, value in values.items() if name != metric["name"])
        lines.append(f"  {split:<10} {metric['name']} {digits(values[metric['name']])}" + f"  ({others})" * bool(others))
    score = metric["test"] if metric["test"] is not None else metric["valid"]
    gap = ""
    if score is not None and metric["solved"] is not None and metric["chance"] is not None:
        gap = f"; {gap_closed(score, metric['chance'], metric['solved']):.1%} of the way from chance to solved"
    return [*lines, f"  {'against':<10} {known}{gap}"]


def digits(value: float | None) -> str:
    """A score with four significant digits; '-' where there is none."""
    return "-" if value is None else f"{value:.4g}"


def human(value: float | None) -> str:
    """A speed with three significant digits and a k, M or G."""
    if value is None:
        return "-"
    for unit in ("", "k", "M"):
        if abs(value) < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}G"
