"""What a user sees of a run on the terminal: progress while it goes, a closing table."""

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

from bench.job.log import log
from bench.results.record import Record
from bench.tables.closing import summary, title, to_beat
from bench.tables.formats import digits, human, loss_text

_REFRESH = 0.25  # seconds between updates of the bar; more often would cost time in short steps


class Reporter:
    """Prints a run's progress: a bar on a terminal, quiet lines elsewhere; all lines go to the run's log as well.

    `member` names a run of a sweep, as in `3/12`: of such a run the screen shows no more than the bar and a line at its
    end. `bar=False` leaves out the bar, where several processes share a terminal.
    """

    def __init__(self, member: str | None = None, bar: bool = True) -> None:
        self._member = member
        self._has_bar = bar and sys.stderr.isatty()
        self._bar: Progress | None = None
        self._row = TaskID(0)
        self._next_refresh = 0.0
        self._score = ""

    @contextmanager
    def logging_to(self, path: Path) -> Iterator[None]:
        """Copy every line, with its time, to the file at `path`. That a disk is full shows when the run is stored."""
        handler = _QuietHandler(path, encoding="utf-8", delay=True)
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
        direction = "higher" if metric["direction"] == "max" else "lower"
        self.info(f"{metric['name']} in {metric['unit']}, {direction} is better: {to_beat(metric)}")
        if self._has_bar:
            share = TextColumn("{task.percentage:>3.0f}% {task.description}")
            columns = (BarColumn(24), share, TimeRemainingColumn(compact=True), TextColumn("left"))
            console = Console(stderr=True)
            # no refreshing thread: it would run during the steps, and they are timed
            self._bar = Progress(*columns, console=console, transient=True, auto_refresh=False)
            self._row = self._bar.add_task("", total=1.0)
            self._bar.start()

    def step(self, spent: float, loss: float, steps: int, tokens_per_s: float) -> None:
        """Called after every training step; refreshes the bar now and then."""
        if self._bar is None or time.perf_counter() < self._next_refresh:
            return
        self._next_refresh = time.perf_counter() + _REFRESH
        member = f"[{self._member}] " if self._member else ""
        text = f"{member}step {steps}  loss {loss_text(loss)}  {self._score}{human(tokens_per_s)} tokens/s "
        self._bar.update(self._row, completed=min(spent, 1), description=text, refresh=True)

    def validation(self, steps: int, train_loss: float, metric: str, score: float) -> None:
        """A line for each validation."""
        self._score = f"{metric} {digits(score)}  "
        self.info(f"step {steps:>6}  train loss {loss_text(train_loss)}  valid {metric} {digits(score)}")

    def measuring(self) -> None:
        """Training is over; speed and memory are measured."""
        self._stop_bar()
        self.info("measuring speed and memory")

    def info(self, line: str) -> None:
        """A line for the screen and the log."""
        log.info(line)
        if self._member is not None:
            return
        if self._bar:
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def already_done(self, record: Record) -> None:
        """Say that the run exists, and show it."""
        if self._member is not None:
            self._show_member(record, " already")
            return
        self.info(f"{record.id} is done already; run it again with rerun=true")
        print(summary(record), flush=True)

    def finish(self, record: Record) -> None:
        """Training and measuring have ended, one way or another: the closing lines for the log."""
        self._stop_bar()
        for line in summary(record).splitlines():
            log.info(line)

    def end(self, record: Record, place: Path) -> None:
        """The run is stored at `place`: the closing table, or one line on stderr of how it failed."""
        if self._member is not None:
            self._show_member(record)
        elif record.status == "done":
            print(f"{summary(record)}\n  {'record':<10} {place}", flush=True)
        else:
            print(f"bench: {record.id} {record.status}: {record.reason} (see {place / 'run.log'})", file=sys.stderr)

    def _show_member(self, record: Record, when: str = "") -> None:
        metric = record.metric
        if metric is None or record.status != "done":
            outcome = record.reason
        else:
            split, score = ("valid", metric["valid"]) if metric["test"] is None else ("test", metric["test"])
            outcome = f"{split} {metric['name']} {digits(score)} after {record.seconds:.1f} s"
        print(f"[{self._member}] {title(record)}: {record.status}{when}, {outcome}", flush=True)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _QuietHandler(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Not logging's traceback on the screen."""

    def close(self) -> None:
        try:
            super().close()
        except OSError:  # lines that the disk did not take
            self.stream = None
