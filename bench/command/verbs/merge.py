"""Join results folders, as those of several machines: copy the runs of each DIR into RESULTS.

A run that both have is kept once where its scores are equal to the last digit, which is said. Where they differ, as on
another processor, both are kept, the pair is named, and the exit code is 1. Doing it again copies nothing twice.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path

from bench.command.parser import Parser
from bench.printable import printable

_WORDS = {
    "copied": "copied",
    "there": "there already",
    "equal": "done here too with equal scores",
    "differs": "done here with other scores and kept beside",
    "unreadable": "unreadable",
}


def arguments(parser: Parser) -> None:
    """The folders, and where to."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a results folder, which stays as it is")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Copy, say what became of the runs of each folder, and write the tables; 1 where scores differ or one is lost."""
    from bench.results.merge import merge
    from bench.tables import files

    into, wrong = Path(options.results_dir), False
    for source in options.folders:
        counts: Counter[str] = Counter()
        for each in merge(source, into):
            counts[_WORDS[each.fate]] += 1
            if each.fate == "differs":
                print(printable(f"{source / 'runs' / each.run}: other scores than those of {each.about}"))
            if each.fate == "unreadable":
                print(printable(each.about))
            wrong = wrong or each.fate in ("differs", "unreadable")
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(printable(f"{source}: {said or 'no runs'}"), flush=True)
    files.write_if_possible(into, warn=lambda line: print(printable(line), file=sys.stderr))
    return int(wrong)
