"""List runs, the latest last: all, or those that fit words such as cell=gru and status=failed.

A word filters by a column of a run: task=copy, cell=gru,lstm, seed=0, status=done. Labels fit in full or by name, so
that cell=gru finds gru(model.hidden=64) too. What all rows share is said once, above them.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from bench.command.parser import Parser, number
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width


def arguments(parser: Parser) -> None:
    """Filters, how many, and the results folder."""
    parser.add_argument(
        "words", nargs="*", metavar="COLUMN=VALUE", help="runs that fit, as task=copy status=done,failed"
    )
    parser.add_argument("--last", type=number(int, least=1), metavar="N", help="only the latest N")
    parser.add_argument("--csv", action="store_true", help="all columns of each, as CSV")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print the table."""
    where = dict(column_filter("runs", word) for word in options.words)

    from bench.tables.listed import listed
    from bench.tables.runs import find_runs

    found = find_runs(options.results_dir, where, lambda line: print(printable(line), file=sys.stderr))
    found = found.sort_values(["finished", "id"], ignore_index=True).tail(options.last or len(found))
    if options.csv:
        print(found.to_csv(index=False, lineterminator="\n"), end="")
    else:
        print(listed(found, screen_width(UNLIMITED)))
    return 0


def column_filter(verb: str, word: str) -> tuple[str, Any]:
    """A column and the values that fit: numbers where they are written so. A label that has commas is one value."""
    column, equals, text = word.partition("=")
    if not equals or not text:
        raise ConfigError(
            f"{verb}: {word}: not of the form COLUMN=VALUE, as in task=copy; see python -m bench {verb} --help"
        )
    if column in ("seed.data", "seed.split"):  # as the option is written
        column = column.replace(".", "_")
    values = [text] if "(" in text or ", " in text else text.split(",")
    return column, [int(value) if value.isdigit() else value for value in values]
