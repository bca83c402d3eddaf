"""Remove runs for good, after a question.

A run is named by its id, or by a beginning that no other has: of several, none is removed. A run under way is never
touched. The tables of the results folder are written anew.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser
from bench.errors import BenchError, ConfigError, StoreError
from bench.printable import printable

if TYPE_CHECKING:
    from bench.results.store import Store


def arguments(parser: Parser) -> None:
    """The runs, and whether to ask."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's id, or a beginning that no other run has")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Name the runs, ask, and remove them; 1 where the answer is no. Nothing is removed where one name is wrong."""
    from bench.results.store import Store
    from bench.tables import files

    store = Store(options.results_dir)
    found = [*dict.fromkeys(_only(store, name) for name in options.runs)]
    if not options.yes and not sys.stdin.isatty():
        raise ConfigError("rm: there is no terminal to ask at: add --yes to remove without a question")
    for folder in found:
        print(printable(f"{folder.name}  {_about(folder)}"), flush=True)
    if not options.yes and not _agreed(len(found)):
        print("nothing is removed")
        return 1
    for folder in found:
        store.remove(folder.name)
    print(f"removed {len(found)} run{'s' * (len(found) > 1)}")
    files.write_if_possible(options.results_dir, warn=lambda line: print(printable(line), file=sys.stderr))
    return 0


def _only(store: Store, name: str) -> Path:
    """The folder of the one run of this name in the store."""
    found = store.named(name)
    if len(found) > 1:
        some = ", ".join(folder.name for folder in found[:3]) + ", ..." * (len(found) > 3)
        raise StoreError(f"rm: {name} is the beginning of {len(found)} runs: {some}; name each in full")
    if found[0].resolve().parent != store.runs.resolve() or found[0].name.startswith("."):
        raise StoreError(f"rm: {found[0]} is no run of {store.runs}; give its results folder with results_dir=...")
    return store.runs / found[0].name


def _about(folder: Path) -> str:
    """The status and score of a run that is to go, and its size."""
    from bench.results.record import Record
    from bench.tables.formats import four_digits
    from bench.tables.whole import size

    try:
        record = Record.read(folder)
        said = (
            record.status
            if record.metric is None
            else f"{record.status}, {record.metric['name']} {four_digits(record.score)}"
        )
    except BenchError as error:
        said = str(error)
    return f"{said}, {size(sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()))}"


def _agreed(count: int) -> bool:
    print(f"remove {'this run' if count == 1 else f'these {count} runs'} for good? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")
