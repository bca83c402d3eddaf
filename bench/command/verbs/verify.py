"""Verify that each figure of a stored run, or of a results folder, follows from what it is of.

A run's files and its record are held against the hashes in it, its speeds against their samples, the time to its target
against its curve, its options against its identity, labels and log; tables against the records, and runs against each
other. Each discrepancy is a line, and the exit code is 1 where there is any. The weights of a single run are scored
again on its data; those of a whole folder, which takes about a second a run and more with large data, with --scores.
--rerun trains again, and says whether that agrees to the last bit.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser
from bench.errors import ConfigError, StoreError
from bench.printable import printable

if TYPE_CHECKING:
    from bench.tables.run_faults import Found


def arguments(parser: Parser) -> None:
    """The run or the folder, and how much is done again."""
    parser.add_argument("run", metavar="RUN|FOLDER", help="a run, as for bench show, or a results folder")
    parser.add_argument("--scores", action="store_true", help="score the weights of each run of a folder again")
    parser.add_argument("--rerun", action="store_true", help="train again, each run that is done")
    parser.add_trust()
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print a line for each discrepancy and for what is to be known; 1 where something is wrong."""
    from bench.results.names import RECORD
    from bench.results.store import Store

    folder = Path(options.run)
    if (folder / "runs").is_dir():
        if not Store(folder).names():
            raise ConfigError(f"verify: {folder} has no runs: there is nothing to verify; name a folder that has some")
        found = _whole(folder, options)
    elif folder.is_dir() and not (folder / RECORD).exists():
        raise ConfigError(
            f"verify: {folder} is neither a run nor a results folder, which has a folder runs: name one, as "
            f"{options.results_dir}, or a run; python -m bench runs lists those"
        )
    else:
        place = Store(options.results_dir).resolve(options.run, lambda line: print(printable(line), file=sys.stderr))
        found = _one(place, options, scores=True)
    wrong, noted = 0, dict[str, list[str]]()
    for each in found:
        if each.wrong:
            wrong += 1
            print(printable(str(each)), flush=True)
        else:
            noted.setdefault(each.line, []).append(each.about)
    for line, about in noted.items():
        several = f"{about[0]} and {len(about) - 1} more" if len(about) > 3 else "; ".join(about)
        print(printable(f"note: {several}: {line}"))
    print(f"{wrong} discrepanc{'y' if wrong == 1 else 'ies'}" if wrong else "verified: all agree")
    return int(wrong > 0)


def _whole(folder: Path, options: Namespace) -> Iterator[Found]:
    """What is found in a results folder; its index is not believed."""
    from bench.results.record import Record
    from bench.results.row import Row
    from bench.results.store import Store
    from bench.tables.metric_faults import metric_faults
    from bench.tables.repeats import repeats
    from bench.tables.run_faults import Found
    from bench.tables.table_faults import table_faults

    store = Store(folder)
    listed, warnings = store.rows()
    yield from (Found(folder.name, line) for line in warnings)
    records = {}
    for each in listed:
        yield from _one(store.runs / each.id, options, options.scores)
        records[each.id] = Record.read(store.runs / each.id)
    rows = [Row.of(record, written=0)._replace(id=run) for run, record in records.items()]
    yield from table_faults(folder, rows)
    yield from metric_faults(records)
    yield from repeats(rows, records)


def _one(place: Path, options: Namespace, scores: bool) -> Iterator[Found]:
    """What is found in one run."""
    from bench.results.record import Record
    from bench.tables.run_faults import Found, run_faults

    try:
        record = Record.read(place)
    except StoreError as error:
        yield Found(place.name, str(error))
        return
    yield from run_faults(place, record)
    if record.status == "done" and (scores or options.rerun):
        from bench.command.terminal import Terminal
        from bench.job.again import rescored, retrained
        from bench.job.trust import Trust

        trust = Trust(options.trust, options.with_this_code)
        with Terminal(bar=False):
            yield from rescored(place, record, trust) if scores else ()
            yield from retrained(place, record, trust) if options.rerun else ()
