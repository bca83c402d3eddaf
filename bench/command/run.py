"""The command without a verb: one run, or a sweep of runs with a table at its end."""

from __future__ import annotations

import os
import secrets

from bench.config.keywords import with_results_folder
from bench.config.launch import SweepFolder, run_hydra
from bench.config.options import Options


def run(arguments: list[str]) -> int:
    """Run what `arguments` describe; 1 where a run failed or diverged, else 0. Raises BenchError in one line."""
    statuses: list[str] = []
    parent, sweep_id = os.getpid(), secrets.token_hex(4)

    def job(options: Options) -> None:
        from bench.command.terminal import Terminal

        if options.member is not None:
            from bench.study.sweep import run_member

            alone = os.getpid() == parent  # processes of a launcher share the terminal
            with Terminal(str(options.member), bar=alone) as terminal:
                run_member(options, terminal, sweep_id)
        else:
            from bench.job.execute import execute

            with Terminal() as terminal:
                statuses.append(execute(options, terminal).status)

    folder = run_hydra([with_results_folder(argument) for argument in arguments], job)
    if folder is not None:
        from bench.command.terminal import Terminal, show_sweep
        from bench.study.sweep import finish

        with Terminal():
            sweep = finish(folder, sweep_id, SweepFolder.members)
        show_sweep(sweep)
        return int(sweep.done < sweep.members)
    return int(any(status != "done" for status in statuses))
