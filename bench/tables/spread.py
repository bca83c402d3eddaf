"""What the spread of a row's scores comes from: initialisation, order of the data, split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.catalogue import choices
from bench.config.keywords import quoted, to_text
from bench.printable import printable
from bench.results.draws import Draws
from bench.results.names import RECORD
from bench.results.record import Record
from bench.results.row import Row
from bench.stats.components import Component, complete, components, reach
from bench.stats.crossed import factors, part
from bench.tables.blocks import Block
from bench.tables.fitted import Field
from bench.tables.formats import score_with_interval, three_digits
from bench.tables.seeds import latest, scored
from bench.tables.sides import LABELS

SOURCES = ("initialisation", "order of the data", "split")
OPTIONS = ("seed", "seed.data", "seed.split")
REST = "what they do together"

COLUMNS = (*LABELS, "metric", "runs", "used", "source", "options", "levels", "deviation", "low", "high", "share")
"""`used` of the `runs` form a complete design; a `deviation` is one of scores, from `low` to `high` at 95%."""

_WANTED = (5, 10)  # levels of a source, the next of which is asked for


def to_frame(rows: Iterable[Row], results_dir: Path) -> pd.DataFrame:
    """A row for each row of the leaderboard and source of chance that varies in it, with `COLUMNS` and the `note` of
    what more would tell; `rows` are the runs, told apart (`bench.tables.marks`)."""
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(getattr(row, name) for name in LABELS)].append(row)
    lines = [line for labels, runs in groups.items() for line in _lines(labels, runs, results_dir)]
    return pd.DataFrame(lines, columns=[*COLUMNS, "note"])


def _lines(labels: tuple[str, ...], runs: Sequence[Row], results_dir: Path) -> Iterator[dict[str, Any]]:
    done = [run for run in latest(runs) if run.status == "done"]
    split, scores = scored(done)
    if not scores:
        return
    used = complete(scores)
    note = _note([*scores], [*used], done[0], results_dir)
    shared = dict(zip(LABELS, labels, strict=True)) | {"metric": f"{split}{done[0].metric}", "runs": len(scores)}
    for figures in map(_figures, components(used)) if len(used) > 1 else [{}]:
        yield {**shared, "used": len(used), **figures, "note": note}


def _figures(each: Component) -> dict[str, Any]:
    return {
        "source": " and ".join(SOURCES[place] for place in each.factor) or REST,
        "options": OPTIONS[each.factor[0]] if each.factor else "",
        "levels": each.levels if each.factor else None,
        "deviation": each.deviation,
        "low": each.low,
        "high": each.high,
        "share": each.share,
    }


def _note(every: Sequence[Draws], used: Sequence[Draws], one: Row, results_dir: Path) -> str:
    """What the runs cannot tell, and the command of the runs that would."""
    found = factors(used)
    sizes = {factor: len({part(run, factor) for run in used}) for factor in found}
    fewest = min(sizes.values(), default=1)
    wanted = next((count for count in _WANTED if count > fewest), None)
    said = []
    if len(used) < len(every):
        said.append(f"{len(used)} of {len(every)} runs have every combination of their seeds, and are used")
    if (0, 1) in {factor[:2] for factor in found}:
        said.append("seed alone varies the initialisation and the order of the data together")
    elif not found:
        said.append("one seed tells nothing of a spread")
    if found and fewest < _WANTED[-1]:
        ends = " to ".join(map(three_digits, reach(fewest)))
        more = " to ".join(map(three_digits, reach(wanted or fewest)))
        of = next(OPTIONS[factor[0]] for factor in found if sizes[factor] == fewest)
        said.append(
            f"{fewest} levels of {of} tell a standard deviation to {ends} times what they show, {wanted} to {more}"
        )
    apart = not found or any(len(factor) > 1 for factor in found)
    if apart or wanted:
        levels = {place: {run[place] for run in used} for factor in found for place in factor} or {0: {every[0].seed}}
        grid = {place: _up_to(levels.get(place, set()), wanted or fewest) for place in ({0, 1} | levels.keys())}
        seeds = " ".join(f"{OPTIONS[place]}={','.join(map(str, grid[place]))}" for place in sorted(grid))
        said.append(f"to tell more: {_command(one, results_dir, seeds)}")
    return "; ".join(said)


def _up_to(levels: set[Any], wanted: int) -> list[int]:
    """The levels, and the next numbers until there are as many as `wanted`."""
    known = sorted(level for level in levels if level is not None)
    more = (number for number in range(wanted + len(known)) if number not in known)
    return sorted([*known, *(next(more) for _ in range(wanted - len(known)))])


def _command(one: Row, results_dir: Path, seeds: str) -> str:
    """The sweep with these seeds of the options that a run has; in words where its choices have no name."""
    record = Record.read(results_dir / "runs" / one.id) if (results_dir / "runs" / one.id / RECORD).is_file() else None
    task = record and next((name for name in choices("task") if _is_called(record.task, name)), None)
    if record is None or task is None or record.cell not in choices("cell"):
        return f"the command of these runs with -m {seeds}"
    regime = [] if record.bptt == "full" else [f"bptt={record.bptt}"]
    given = [f"{name}={to_text(value, name)}" for name, value in record.changed.items()]
    place = [] if str(results_dir) == "results" else [f"results_dir={quoted(str(results_dir))}"]
    return " ".join(["python -m bench -m", f"task={task} cell={record.cell}", *regime, *given, *place, seeds])


def _is_called(task: str, name: str) -> bool:
    return task.rpartition("-v")[0].replace("-", "_") == name


def blocks(frame: pd.DataFrame) -> Iterator[Block]:
    """A table for each task and metric, below it what more would tell."""
    for (task, metric), part_ in frame.groupby(["task", "metric"], sort=False, dropna=False):
        told = part_[part_["source"].notna()].to_dict("records")
        labels = [name for name in LABELS[1:] if part_[name].nunique() > 1 or name == "cell"]
        said = [f"{name} {part_[name].iloc[0]}" for name in LABELS[1:] if name not in labels]
        head = [f"{task}: standard deviations of {metric}, at 95%, by what is drawn anew", "; ".join(said)]
        fields = [Field(name, [printable(str(row[name])) for row in told], left=True) for name in labels]
        fields += [
            Field("by", [row["source"] for row in told], left=True),
            Field("levels", ["-" if pd.isna(row["levels"]) else f"{row['levels']:.0f}" for row in told]),
            Field("deviation", [_interval(row) for row in told], left=True, folds=False),
            Field("of the variance", [_share(row["share"]) for row in told]),
        ]
        notes = {", ".join(str(row[name]) for name in labels): row["note"] for row in part_.to_dict("records")}
        below = [printable(f"{label}: {note}") for label, note in notes.items() if note]
        yield Block([*map(printable, head)], fields, below)


def _interval(row: Any) -> str:
    return score_with_interval(row["deviation"], row["low"], row["high"])


def _share(share: float) -> str:
    return "-" if pd.isna(share) else f"{share:.0%}"
