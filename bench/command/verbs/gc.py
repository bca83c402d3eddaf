"""Remove what killed processes left in a results folder: named with sizes first, after a question.

Hidden folders of runs, leases and half-written files whose process has ended go, and the checkpoints of runs that are
done by now. A process on another machine counts as ended where it has written nothing for an hour. Snapshots, from
which the same command would go on, are named and stay, but with --snapshots; records always stay.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser
from bench.errors import ConfigError
from bench.printable import printable

if TYPE_CHECKING:
    from bench.results.left import Left


def arguments(parser: Parser) -> None:
    """What is to go, and whether to ask."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--snapshots", action="store_true", help="also what runs that were cut off could go on from")
    parser.add_argument("--old-code", action="store_true", help="name the runs of other versions of bench's own code")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Name what is left, ask, and remove it; 1 where the answer is no, or something cannot be removed."""
    from bench.results.left import left_in

    found = left_in(Path(options.results_dir))
    stays = [each for each in found if each.kind == "snapshot" and not options.snapshots]
    goes = [each for each in found if each not in stays]
    if options.old_code:
        _name_old_code(Path(options.results_dir))
    _name(stays, "runs could go on from these, which stay (--snapshots removes them):")
    if not goes:
        print("there is nothing to remove")
        return 0
    _name(goes, "to remove:")
    if not options.yes and not sys.stdin.isatty():
        raise ConfigError("gc: there is no terminal to ask at: add --yes to remove without a question")
    if not options.yes and not _agreed():
        print("nothing is removed")
        return 1
    return _remove(goes)


def _name(found: Sequence[Left], heading: str) -> None:
    from bench.tables.whole import size

    if found:
        print(heading)
        for each in found:
            print(printable(f"  {each.kind:<11} {size(each.size):>10}  {each.path}"))
        print(f"  {'in all':<11} {size(sum(each.size for each in found)):>10}")


def _name_old_code(results: Path) -> None:
    """Name the runs that no command of this version finds done, since the harness's code is another."""
    from bench.results.identity import code_version
    from bench.results.store import Store

    now = code_version()
    old = [row for row in Store(results).rows()[0] if row.harness != now]
    print(f"{len(old)} run{'s' * (len(old) != 1)} of other versions of bench's own code{':' * bool(old)}")
    for row in old:
        print(printable(f"  {row.id}  {row.status}, {row.finished}"))
    if old:
        print("  their records stay in the tables; bench rm RUN removes one")


def _remove(found: Iterable[Left]) -> int:
    removed, failed = 0, 0
    for each in found:
        try:
            removed += each.remove()
        except OSError as error:
            failed += 1
            print(printable(f"bench: cannot remove {each.path}: {error.strerror}"), file=sys.stderr)
    print(f"removed {removed}")
    return int(failed > 0)


def _agreed() -> bool:
    print("remove these for good? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")
