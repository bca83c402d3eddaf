"""Say whether B is better than A: two cells, options, results folders or commits, with what differs.

Each of A and B is a column of stored runs with its value (cell=lstm; several in quotes, "cell=lstm bptt=full") or a
results folder. Words after them narrow both: task=copy seed=0,1,2. Runs are compared within a task and a budget, by
seed where both have the same seeds. Exit code 1 where B is worse, at the stated level.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.command.parser import Parser
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    from bench.tables.sides import Side


def arguments(parser: Parser) -> None:
    """The two sides, what narrows both, the level and the form."""
    parser.add_argument("a", metavar="A", help="a side: COLUMN=VALUE, or a results folder")
    parser.add_argument("b", metavar="B", help="the other side")
    parser.add_argument("words", nargs="*", metavar="COLUMN=VALUE", help="runs of both, as task=copy seed=0,1,2")
    parser.add_argument("--level", type=float, default=0.95, metavar="SHARE", help="of confidence (0.95)")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print the comparison; 1 where B is worse."""
    if not 0.5 <= options.level < 1:
        raise ConfigError(f"compare: --level={options.level}: must be 0.5 or more, and below 1")

    from bench.tables.comparison_text import to_text, to_tree
    from bench.tables.comparisons import compare_sides

    found = compare_sides(_side(options.a, options), _side(options.b, options), options.level)
    if options.json:
        print(json.dumps(to_tree(found), indent=1))
    else:
        print(to_text(found, screen_width(UNLIMITED)))
    if not found.found and not found.lost:
        raise ConfigError(f"compare: nothing to compare: {found.left[0]}")
    return int(found.worse)


def _side(text: str, options: Namespace) -> Side:
    """A side as its words ask for it."""
    from bench.tables.sides import side

    def warn(line: str) -> None:
        print(printable(line), file=sys.stderr)

    shared = _filters(options.words)
    if "=" not in text:
        if not (Path(text) / "runs").is_dir():
            raise ConfigError(f"compare: {text}: neither COLUMN=VALUE nor a results folder, which has a folder runs")
        return side(text, Path(text), shared, (), warn)
    own = _filters(_apart(text))
    if twice := own.keys() & shared.keys():
        raise ConfigError(f"compare: {twice.pop()} is given for one side and for both: give it once")
    if "task" in own:
        raise ConfigError(f"compare: {text}: scores of two tasks are not compared: give task=... once, after A and B")
    return side(text, Path(options.results_dir), own | shared, own, warn)


def _apart(text: str) -> list[str]:
    """The words of a side, each of which begins with a column: values may have spaces."""
    from bench.tables.runs import COLUMNS

    return re.split(rf" +(?=(?:{'|'.join(COLUMNS)})=)", text.strip())


def _filters(words: list[str]) -> dict[str, list[Any]]:
    """The wanted values of each column; a value that has commas fits whole, too."""
    found: dict[str, list[Any]] = {}
    for word in words:
        column, equals, text = word.partition("=")
        if not equals or not text:
            raise ConfigError(f"compare: {word}: not of the form COLUMN=VALUE, as in task=copy")
        if column in found:
            raise ConfigError(f"compare: {column} is given twice: give it once, with commas between its values")
        parts = text.split(",") if "(" not in text and ", " not in text else [text]
        found[column] = [int(part) if part.isdigit() else part for part in parts]
    return found
