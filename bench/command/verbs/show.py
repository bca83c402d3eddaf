"""Show a run whole: scores, learning curve, options that differ from the defaults, files.

Of several runs whose ids begin with RUN the latest is shown, and named.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from bench.command.parser import Parser
from bench.printable import printable, screen_width


def arguments(parser: Parser) -> None:
    """The run and the results folder."""
    parser.add_argument("run", help="a run's id, its folder, or the beginning of an id: then the latest")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print the run."""
    from bench.results.record import Record
    from bench.results.store import Store
    from bench.tables.whole import whole

    folder = Store(options.results_dir).resolve(options.run, lambda line: print(printable(line), file=sys.stderr))
    print(whole(Record.read(folder), folder, screen_width()))
    return 0
