"""Runs that are there more than once, in whole or in part: of one identity, of one seed, of equal weights or scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.results.draws import Draws
from bench.results.names import WEIGHTS
from bench.results.record import Record
from bench.results.row import Row
from bench.tables.marks import told_apart
from bench.tables.run_faults import Found
from bench.tables.sides import LABELS


def repeats(rows: Sequence[Row], records: Mapping[str, Record]) -> Iterator[Found]:
    """The seeds of each row of the tables, and what stands in `rows` more than once. `records` are theirs, by id."""
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in told_apart([row for row in rows if row.status == "done"]):
        groups[tuple(getattr(row, name) for name in LABELS)].append(row)
    for labels, runs in groups.items():
        about = ", ".join(labels)
        yield Found(about, _listed({run.draws for run in runs}), False)
        yield from (Found(about, line, wrong) for line, wrong in _of_a_row(runs, records))


def _of_a_row(runs: Sequence[Row], records: Mapping[str, Record]) -> Iterator[tuple[str, bool]]:
    by_seed, by_weights = defaultdict(list), defaultdict(set)
    for run in runs:
        by_seed[run.draws].append(run)
        if weights := (records[run.id].files or {}).get(WEIGHTS):
            by_weights[weights].add(run.draws)
    for seed, several in by_seed.items():
        if len(several) > 1:
            yield _of_a_seed(seed, several, records)
    for seeds in by_weights.values():
        if len(seeds) > 1:
            yield f"{_listed(seeds)} have the same weights: one run was copied", True
    if len(by_seed) > 1 and len({(run.valid, run.test) for run in runs}) == 1:
        yield f"all {len(by_seed)} seeds have equal scores", False


def _of_a_seed(seed: Draws, several: Sequence[Row], records: Mapping[str, Record]) -> tuple[str, bool]:
    """What is to be said of several runs of one seed, and whether it is wrong: on one CPU, with one thread and the same
    libraries, runs of one identity have the same scores."""
    same = len({(run.identity, *_place(records[run.id])) for run in several}) == 1
    equal = len({(run.valid, run.test) for run in several}) == 1
    said = f"{seed} has {len(several)} runs, of which the latest counts"
    if not same:
        return f"{said}: they differ in code, machine or libraries", False
    machine = records[several[0].id].machine
    if equal:
        return f"{said}: their scores are equal", False
    repeatable = machine.get("device") == "cpu" and machine.get("threads") == 1
    return (
        f"{said}: one identity has different scores, {', '.join(str(run.test or run.valid) for run in several)}",
        repeatable,
    )


def _place(record: Record) -> tuple[str, str]:
    return str(record.machine), str(record.versions)


def _listed(found: Iterable[Draws]) -> str:
    """The seeds in a line: `seeds 0, 1`, or where those of single sources were set apart `seed 0; seed 0, data 1`."""
    each = sorted(found, key=lambda drawn: (drawn.seed, drawn.data, drawn.split or 0))
    if any(drawn.data != drawn.seed or drawn.split is not None for drawn in each):
        return "; ".join(map(str, each))
    return f"seed{'s' * (len(each) > 1)} {', '.join(str(drawn.seed) for drawn in each)}"
