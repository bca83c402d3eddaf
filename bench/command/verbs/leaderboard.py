"""Derive the tables from all records, and print the table of all runs.

The tables are `leaderboard.csv` and one file per task, in the results folder; where that is read-only, they are only
printed. A text that a spreadsheet would take for a formula has an apostrophe in front.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from bench.command.parser import Parser
from bench.printable import UNLIMITED, printable, screen_width


def arguments(parser: Parser) -> None:
    """The results folder and the format."""
    parser.add_results_dir()
    parser.add_argument("--markdown", action="store_true", help="print Markdown")


def run(options: Namespace) -> int:
    """Write the tables where that is possible, and print one."""
    from bench.tables import files, text

    frame = files.write_if_possible(options.results_dir, warn=lambda line: print(printable(line), file=sys.stderr))
    print(text.to_markdown(frame) if options.markdown else text.to_text(frame, width=screen_width(UNLIMITED)))
    return 0
