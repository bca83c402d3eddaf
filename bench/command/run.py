"""The command without a verb: one run, or a sweep of runs with a table at its end."""

from __future__ import annotations

import math
import secrets
from contextlib import nullcontext, suppress
from pathlib import Path

from bench.config.keywords import with_results_folder
from bench.config.launch import SweepFolder, run_hydra, this_process
from bench.config.options import Options
from bench.config.sweeps.jobs import EngineLauncher
from bench.config.torchrun import refuse_sweep
from bench.study.driver import Driver
from bench.study.pace import Pace
from bench.study.rounds import Rounds
from bench.study.stop import Stop, take_signals


def run(arguments: list[str]) -> int:
    """Run what `arguments` describe; 1 where one is not done, else 0. Raises BenchError in one line."""
    refuse_sweep(arguments)
    statuses: list[str] = []
    parent, sweep_id, pace = this_process(), secrets.token_hex(4), Pace()
    searches = any("hydra/sweeper" in word for word in arguments)  # it needs a member's score at once
    later: list[Options] = []

    def job(options: Options) -> float | None:
        from bench.command.terminal import Terminal

        if options.member is not None and this_process() == parent:
            from bench.study.sweep import is_to_come_again, run_member

            pace.next(options.member)
            with Terminal(str(options.member), pace=pace) as terminal:
                valid = run_member(options, terminal, sweep_id, searches)
            if is_to_come_again(options.member, sweep_id):
                later.append(options)
            return valid
        if options.member is not None:
            return _run_beside_others(options, sweep_id, searches)
        from bench.hardware.ranks import joined
        from bench.job.execute import execute

        with joined() as ranks, Terminal() if ranks.is_first else nullcontext() as terminal:
            statuses.append(execute(options, terminal, ranks=ranks).status)
        return None

    stop, driver = Stop(sweep_id), Driver()
    rounds = Rounds(sweep_id, lambda: stop.asked)
    EngineLauncher.asked_to_stop = staticmethod(lambda: stop.asked)
    EngineLauncher.has_ended = staticmethod(rounds.has_ended)

    def begin(folder: Path, in_other_processes: bool) -> None:
        from bench.study.status import Begun, note

        driver.begin(folder)
        note(folder, Begun(sweep=sweep_id, words=arguments, members=SweepFolder.members))
        if in_other_processes:
            folder.mkdir(parents=True, exist_ok=True)
            stop.begin(folder)

    with driver:
        try:
            folder = run_hydra([with_results_folder(argument) for argument in arguments], job, begin, rounds.another)
            while later:
                job(later.pop(0))
        finally:
            stop.end()
        return int(any(status != "done" for status in statuses)) if folder is None else _finish(folder, sweep_id, stop)


def _finish(folder: Path, sweep_id: str, stop: Stop) -> int:
    """Show the sweep in `folder` at its end; 1 where a member is not done. Raises KeyboardInterrupt where it was
    stopped."""
    from bench.command.terminal import Terminal, show_sweep
    from bench.study.sweep import finish

    with Terminal():
        sweep = finish(folder, sweep_id, SweepFolder.members)
    show_sweep(sweep)
    if stop.asked:
        raise KeyboardInterrupt
    return int(sweep.done < sweep.members)


def _run_beside_others(options: Options, sweep: str, wait: bool) -> float:
    """A member in a process of a launcher, which shares the terminal with others and outlives a request to stop."""
    from bench.command.terminal import Terminal
    from bench.study.sweep import run_member

    take_signals(True)
    try:
        with suppress(KeyboardInterrupt), Terminal(str(options.member), bar=False) as terminal:
            return run_member(options, terminal, sweep, wait)
    finally:
        take_signals(False)
    return math.nan
