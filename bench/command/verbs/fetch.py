"""Download and prepare a task's data, and print facts about the task.

Runs of the same options then need no network: data from the hub lies in the hub's own cache (HF_HOME), prepared data
in the folder BENCH_CACHE. Your own files are read where they are.
"""

from __future__ import annotations

import logging
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from bench.command.overrides import add_overrides, refuse_others
from bench.command.parser import Parser
from bench.printable import printable

_PATTERNS = ("task=NAME", "task.OPTION=VALUE", "+experiment=NAME")


def arguments(parser: Parser) -> None:
    """A task and its options, or an experiment."""
    parser.usage = """\
python -m bench fetch task=NAME [task.OPTION=VALUE ...]
       python -m bench fetch +experiment=NAME [task.OPTION=VALUE ...]"""
    parser.help_alone = True
    add_overrides(parser, _PATTERNS)
    parser.add_config_dir()


def run(options: Namespace) -> int:
    """Build the task and print its facts; raises ConfigError or DataError in one line."""
    refuse_others("fetch", options.overrides, _PATTERNS)

    from bench.config.catalogue import entry
    from bench.config.compose import compose
    from bench.config.tree import require_all
    from bench.job.build import build_task
    from bench.job.facts import task_facts

    composed = compose(options.overrides, options.config_dir)
    began = time.perf_counter()
    require_all(composed.tree)
    with _notes() as notes:
        task = build_task(composed.config.task, composed.config.seeds.split)
    print(printable(task.spec.id))
    for name, value in task_facts(task).items():
        for number, line in enumerate(value.splitlines()):
            print(entry(f"  {'' if number else name}", 15, printable(line)))
    for note in dict.fromkeys(notes):
        print(printable(f"  {note}"))
    print(f"ready after {time.perf_counter() - began:.1f} s")
    return 0


@contextmanager
def _notes() -> Iterator[list[str]]:
    """The lines that are logged in the block, such as the folder of the prepared data."""
    from bench.job.log import also_to

    notes: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    with also_to(handler):
        yield notes
