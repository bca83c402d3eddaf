"""How a sweep stands: done, running with the time left, waiting, failed with reasons.

SWEEP is the name of its folder in RESULTS/sweeps, or the beginning of one; without it, it is the latest. It may run in
another terminal, or on another machine that shares the results folder. `--follow` shows it anew until no member runs.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser
from bench.printable import printable

if TYPE_CHECKING:
    from bench.study.fate import Fate
    from bench.study.status import MemberStatus, SweepStatus

_EVERY = 2.0  # seconds


def arguments(parser: Parser) -> None:
    """The sweep, and whether to follow it."""
    parser.add_argument("sweep", nargs="?", default="", help="the name of its folder, or the beginning (the latest)")
    parser.add_argument("--follow", "-f", action="store_true", help="show it anew until no member runs")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print how the sweep stands; 1 where a member has not come to its end as it should."""
    from bench.study.chosen import the_sweep
    from bench.study.status import status_of

    folder = the_sweep(Path(options.results_dir), options.sweep, lambda line: print(printable(line), file=sys.stderr))
    shown: list[str] = []
    while True:
        status = status_of(folder)
        if (text := [*_lines(status)]) != shown:
            _show(text, over=len(shown))
            shown = text
        if not options.follow or status.is_over:
            return int(any(each.state != "running" and each.fate["status"] != "done" for each in status.begun))
        time.sleep(_EVERY)


def _show(text: list[str], over: int) -> None:
    """Print lines; on a terminal in the place of the `over` lines before."""
    if over and sys.stdout.isatty():
        print(f"\x1b[{over}A\x1b[J", end="")
    print(*map(printable, text), sep="\n", flush=True)


def _lines(status: SweepStatus) -> Iterator[str]:
    from bench.tables.formats import duration

    yield f"{status.folder}: {' '.join(status.words)}".rstrip(": ")
    ended = Counter(each.fate["status"] for each in status.of("ended"))
    counts = {str(name): count for name, count in ended.items()}
    counts |= Counter(str(each.state) for each in status.begun if each.state != "ended")
    counts["waiting"] = status.waiting or 0
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    left = f"; about {duration(status.left)} left" if status.left is not None else ""
    members = "" if status.members is None else f"{status.members} member{'s' * (status.members != 1)}: "
    yield f"{members}{said or 'none has begun'}{left}"
    for each in status.begun:
        if each.state != "ended" or each.fate["status"] != "done" or each.fate.get("before"):
            yield f"  {_member(each)}"


def _member(member: MemberStatus) -> str:
    """A member that is not done, or not at once, in a line."""
    from bench.tables.formats import duration

    fate, state = member.fate, member.state
    if state == "running":
        left = "" if member.left is None else f", {duration(member.left)} left"
        return f"running: {fate['said']}: step {fate['step']}, {fate['spent']:.0%}{left}{_after(fate)}"
    if state == "silent":
        return f"silent: {fate['said']}: nothing heard from {fate['host']} for {duration(member.silence)}"
    word = fate["status"] if state == "ended" else state
    reason = f": {fate['reason']}" if fate["reason"] else ""
    return f"{word}: {fate['id']}{reason}{_after(fate)}"


def _after(fate: Fate) -> str:
    """Which attempt at the run it is, where it is not the first, and how the earlier ones ended."""
    before = fate.get("before", [])
    return f" (attempt {len(before) + 1}, after {'; '.join(before)})" if before else ""
