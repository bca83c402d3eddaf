"""The progress of a run that Python code has started: the bar on a terminal or in a notebook, and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.command.terminal import Terminal, progress_text
from bench.config.options import Member
from bench.job.listener import Listener
from bench.results.record import Record
from bench.study.pace import Pace
from bench.train.progress import Progress
from bench.train.validation import Validation

_CELLS = 24  # of the bar


@contextmanager
def shown(wanted: bool, member: Member | None = None, pace: Pace | None = None) -> Iterator[Listener]:
    """A listener that shows a run's progress while the block lasts; where it is not `wanted`, one that does nothing.

    For a member of a sweep, `pace` tells the time that is left of the whole.
    """
    if member is not None and pace is not None:
        pace.next(member)
    if not wanted:
        yield Listener()
    elif _in_notebook():
        yield NotebookBar(member)
    else:
        with _Bar(str(member) if member else None, pace=pace) as bar:
            yield bar


class _Bar(Terminal):
    """The bar and the lines of the command, without the closing table: the call returns the record."""

    def already_done(self, record: Record) -> None:
        """Nothing: the caller gets the record."""

    def stored(self, record: Record, place: object) -> None:
        """Nothing: the caller gets the record."""


class NotebookBar(Listener):
    """The bar as a line of text below a notebook's cell, updated in place every `refresh` seconds."""

    def __init__(self, member: Member | None = None, refresh: float = 0.25) -> None:
        self._place, self._refresh = f"[{member}] " if member else "", refresh
        self._next_refresh, self._score = 0.0, ""
        self._display: Any = None

    def started(self) -> None:
        """Show an empty bar."""
        from IPython.display import display

        self._display = display({"text/plain": ""}, raw=True, display_id=True)

    def step(self, progress: Progress, spent: float, loss: float) -> None:
        """Refresh the bar now and then."""
        if time.perf_counter() >= self._next_refresh:
            self._next_refresh = time.perf_counter() + self._refresh
            text = progress_text(progress, loss, self._score)
            full = round(min(spent, 1) * _CELLS)
            self._show(f"{'━' * full}{'─' * (_CELLS - full)} {min(spent, 1):4.0%} {text}")

    def validated(self, validation: Validation, metric: str) -> None:
        """Show the score beside the bar from now on."""
        self._score = f"{metric} {validation.score:.4g}  "

    def measuring(self) -> None:
        """Show that training is over and that the run measures."""
        self._show(f"{'━' * _CELLS} measuring speed and memory")

    def ended(self) -> None:
        """Leave the score on the screen."""
        self._show(f"{'━' * _CELLS} {self._score}".rstrip())

    def _show(self, text: str) -> None:
        if self._display is not None:
            self._display.update({"text/plain": f"{self._place}{text}"}, raw=True)


def _in_notebook() -> bool:
    """Whether this code runs in a kernel that shows rich output, not in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
