"""A run on the terminal: a bar while it goes, lines for people, a closing table."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from bench.command.output import lasting_output
from bench.errors import BenchError
from bench.job.listener import Listener
from bench.job.log import also_to
from bench.printable import UNLIMITED, fitted, printable, screen_width
from bench.results.labels import UNTRAINED
from bench.results.names import LOG
from bench.results.record import Record
from bench.study.pace import Pace
from bench.tables.closing import after, scores_in_a_line, summary, title
from bench.tables.formats import four_digits, loss_digits, with_prefix
from bench.train.progress import Progress
from bench.train.validation import Validation

if TYPE_CHECKING:  # tables need pandas, for which a single run would wait half a second
    from bench.study.sweep import SweepResult

_MOST_CELLS, _LEAST_CELLS = 24, 4  # of the bar
_BESIDE = len("  100%  -:--:--  left ") + 1  # columns beside the bar and its text
_ONE_LINE = Column(no_wrap=True)


class Terminal(Listener):
    """Shows a run on stderr, and its closing table on stdout; use it in a `with` statement.

    `member` names a run of a sweep, such as `3/12`: for such a run the screen shows only the bar, warnings and a line
    at its end, and beside the bar what is left of the sweep, by its `pace`. `bar=False` leaves out the bar, where
    several processes share a terminal; without a terminal there is none. The bar is updated every `refresh` seconds:
    more often would cost time in short steps.
    """

    def __init__(
        self, member: str | None = None, bar: bool = True, refresh: float = 0.25, pace: Pace | None = None
    ) -> None:
        self._member, self._refresh, self._pace = member, refresh, pace
        self._may_have_bar = bar
        self._bar: Bar | None = None
        self._row = TaskID(0)
        self._next_refresh = 0.0
        self._score = ""
        self._open = ExitStack()

    def __enter__(self) -> Terminal:
        self._open.enter_context(lasting_output())  # also for runs that Python code or a launcher's process starts
        level = logging.INFO if self._member is None else logging.WARNING
        self._open.enter_context(also_to(_Lines(self, level, f"[{self._member}] " if self._member else "")))
        return self

    def __exit__(self, *_: object) -> None:
        self.ended()
        if self._pace is not None:
            self._pace.ended()
        self._open.close()

    def started(self) -> None:
        """Show the bar, where there is one."""
        if self._pace is not None:
            self._pace.begun()
        if self._may_have_bar and sys.stderr.isatty():
            share = TextColumn("{task.percentage:>3.0f}% {task.description}", markup=False, table_column=_ONE_LINE)
            self._cells = BarColumn(_MOST_CELLS)
            left = TextColumn("left{task.fields[sweep]}", markup=False, table_column=_ONE_LINE)
            columns = (self._cells, share, TimeRemainingColumn(compact=True), left)
            console = Console(stderr=True)
            # no refreshing thread: it would run during the steps, and they are timed
            self._bar = Bar(*columns, console=console, transient=True, auto_refresh=False)
            self._row = self._bar.add_task("", total=1.0, sweep="")
            self._bar.start()

    def step(self, progress: Progress, spent: float, loss: float) -> None:
        """Refresh the bar now and then."""
        if self._bar is None or time.perf_counter() < self._next_refresh:
            return
        self._next_refresh = time.perf_counter() + self._refresh
        left = self._pace.left(spent) if self._pace is not None else None
        sweep = "" if left is None else f", {timedelta(seconds=round(left))} of the sweep"
        room = self._bar.console.width - len(sweep) - _BESIDE
        text = progress_text(progress, loss, self._score, self._member, room - _LEAST_CELLS)
        self._cells.bar_width = max(_LEAST_CELLS, min(_MOST_CELLS, room - len(text)))
        self._bar.update(self._row, completed=min(spent, 1), description=text, sweep=sweep, refresh=True)

    def validated(self, validation: Validation, metric: str) -> None:
        """Show the score beside the bar from now on."""
        self._score = f"{metric} {four_digits(validation.score)}  "

    def measuring(self) -> None:
        """Take the bar away."""
        self.ended()

    def ended(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def line(self, text: str) -> None:
        """A line above the bar."""
        text = printable(text)
        if self._bar:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            _say(text, sys.stderr)

    def already_done(self, record: Record) -> None:
        """Show the run that is done already."""
        if self._member is not None:
            self._show_member(record, " already")
        else:
            print(fitted(summary(record)), flush=True)

    def stored(self, record: Record, place: Path) -> None:
        """Show the closing table, or for a failed run its reason in one line on stderr."""
        if self._member is not None:
            self._show_member(record)
        elif record.status == "done":
            print(fitted(f"{summary(record)}\n  {'record':<10} {place}"), flush=True)
        else:
            reason = printable(f"{record.id} {record.status}: {record.reason} (see {place / LOG})")
            print(f"bench: {reason}", file=sys.stderr)

    def held(self, holder: str) -> None:
        """Show that a sweep's member is left for later."""
        _say(f"[{self._member}] left for later: {holder} does this run", sys.stdout)

    def refused(self, error: BenchError) -> None:
        """Show why a sweep's member left no record."""
        _say(f"[{self._member}] failed, {error}", sys.stdout)

    def _show_member(self, record: Record, when: str = "") -> None:
        if record.metric is None or record.status != "done":
            outcome = printable(str(record.reason))
        else:
            outcome = scores_in_a_line(record) + after(record)
        _say(f"[{self._member}] {title(record)}: {record.status}{when}, {outcome}", sys.stdout)


def _say(line: str, file: TextIO) -> None:
    """Print a line together with its end: apart, where Python does not buffer, lines of several processes would mix."""
    print(f"{fitted(line) if file.isatty() else line}\n", end="", file=file, flush=True)


def progress_text(progress: Progress, loss: float, score: str, member: object = None, room: int | None = None) -> str:
    """The text beside the bar: a sweep's member, the step, the loss, the score so far, and the speed; as many of these
    as there is `room` for."""
    place = f"[{member}] " if member else ""
    speed = f"{with_prefix(progress.tokens / progress.seconds)} tokens/s"
    parts = [f"{place}step {progress.steps}", f"loss {loss_digits(loss)}", score.strip(), speed]
    texts = ["  ".join(filter(None, parts[:count])) + " " for count in range(len(parts), 0, -1)]
    return next((text for text in texts if room is None or len(text) <= room), texts[-1])


class _Lines(logging.Handler):
    """Prints the lines for people from `level` on, each after the sweep's `member`; the run's file gets all lines."""

    def __init__(self, terminal: Terminal, level: int, member: str) -> None:
        super().__init__(level)
        self._terminal, self._member = terminal, member

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.line(f"{self._member}{record.getMessage()}")


def show_sweep(sweep: SweepResult) -> None:
    """Print a sweep's table, the reasons of members that failed, and the paths of the tables of all runs."""
    from bench.tables.text import to_text

    print(f"\n{to_text(sweep.table, width=screen_width(UNLIMITED))}\n")
    untrained = sorted({regime for regime in sweep.table.get("bptt", ()) if UNTRAINED in regime})
    if untrained:
        said = (
            f"bench: the first losses of each batch are not trained on in {', '.join(untrained)}; bptt.head=grow does"
        )
        print(printable(said), file=sys.stderr)
    for fate in sweep.not_done:
        print(printable(f"bench: {fate['id']} {fate['status']}: {fate['reason']}"), file=sys.stderr)
    if sweep.not_begun:
        print(f"bench: {sweep.not_begun} more did not begin; the same command runs them", file=sys.stderr)
    places = ", ".join(str(results / "leaderboard.csv") for results in sweep.results)
    print(f"{sweep.done} of {sweep.members} runs done; tables of all runs in {places}")
