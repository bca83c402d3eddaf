"""The tables of a results folder held against its records: each figure is worked out anew."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.results.reading import read_regular
from bench.results.row import Row
from bench.tables.columns import COLUMNS
from bench.tables.files import texts
from bench.tables.run_faults import Found
from bench.tables.tabulate import tabulate

_KEY = [column.name for column in COLUMNS if column.of == "key"] + ["metric"]
_CLOSE = 1e-9
_MOST_BYTES = 2**30
_Line = dict[str, str]

ANEW = "python -m bench leaderboard makes it anew"


def table_faults(results: Path, rows: Sequence[Row]) -> Iterator[Found]:
    """What the CSV files in `results` say other than `rows`, its runs, do: a line for each row of a table."""
    wanted = texts(tabulate(rows))
    there = {path.name for path in results.glob("*.csv")}
    if not there:
        yield Found(str(results), "it has no tables", wrong=False)
        return
    for name in sorted(wanted.keys() | there):
        if name not in wanted:
            yield Found(name, f"no run belongs to it; {ANEW}, or remove it")
        elif name not in there:
            yield Found(name, f"it is missing; {ANEW}")
        else:
            stated = _text(results / name)
            yield from (Found(name, line) for line in _differing(stated, wanted[name]))
            if lacking := [*_columns(wanted[name]) - _columns(stated)]:
                said = f"another version of bench wrote it, without {', '.join(sorted(lacking))}; {ANEW}"
                yield Found(name, said, wrong=False)


def _text(path: Path) -> str:
    try:
        return read_regular(path, _MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        return str(error)


def _differing(text: str, wanted: str) -> Iterator[str]:
    """The rows of a table that are not as `wanted`, each in a line."""
    if text == wanted:
        return
    if lacking := {*_KEY} - _columns(text):
        yield f"it has no columns {', '.join(sorted(lacking))}; {ANEW}"
        return
    stated, made = _parsed(text), _parsed(wanted)
    for key in dict.fromkeys((*made, *stated)):
        row = ", ".join(filter(None, key))
        if len(stated.get(key, [])) != len(made.get(key, [])):
            yield f"{row}: it has {len(stated.get(key, []))} such rows, and the records make {len(made.get(key, []))}"
            continue
        for ours, theirs in zip(stated[key], made[key], strict=True):
            wrong = [name for name in theirs if name in ours and not _same(ours[name], theirs[name])]
            if wrong:
                said = ", ".join(f"{name} is {ours.get(name) or '-'} and not {theirs[name] or '-'}" for name in wrong)
                yield f"{row}: {said}"


def _columns(text: str) -> set[str]:
    return {*next(csv.reader(io.StringIO(text)), [])}


def _parsed(text: str) -> dict[tuple[str, ...], list[_Line]]:
    """The rows of a table by what they are about."""
    found: dict[tuple[str, ...], list[_Line]] = {}
    for line in csv.DictReader(io.StringIO(text)):
        found.setdefault(tuple(line.get(name) or "" for name in _KEY), []).append(line)
    return found


def _same(stated: str | None, made: str) -> bool:
    """Whether two cells agree: numbers but for the last digits, which other versions of libraries may change."""
    if stated == made:
        return True
    try:
        return math.isclose(float(stated or ""), float(made), rel_tol=_CLOSE)
    except ValueError:
        return False
