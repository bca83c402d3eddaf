"""Tables over runs: one row a (task, cell, training regime, budget, hardware), derived anew from the store."""

from __future__ import annotations

import hashlib
import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import pandas as pd

from bench.errors import StoreError
from bench.files import write_atomic, writing
from bench.record import Row
from bench.report import human
from bench.stats import Interval, gap_closed, mean_interval
from bench.store import Store

_TEXTS = ("task", "cell", "bptt", "budget", "hardware", "metric", "direction")
_MEDIANS = ("train_tokens_per_s", "infer_tokens_per_s", "step_us", "peak_mib", "seconds")
_COUNTS = ("done", "failed", "diverged")
COLUMNS = (
    *_TEXTS, "score", "ci_low", "ci_high", "seeds", "chance", "solved", "gap_closed", "params", *_MEDIANS, *_COUNTS,
)  # fmt: skip
_WHOLE = {"seeds": "int64", "params": "Int64", **dict.fromkeys(_COUNTS, "int64")}  # Int64 may be missing

SHOWN = (*_TEXTS[1:5], "score", "seeds", "gap_closed", "params", *_MEDIANS, "failed", "diverged")
_LEFT = (*_TEXTS, "score")  # by the first digit, since not every score has an interval
_SHAREABLE = ("bptt", "budget", "hardware")
_HEADINGS = {
    "gap_closed": "gap closed",
    "train_tokens_per_s": "train tok/s",
    "infer_tokens_per_s": "infer tok/s",
    "step_us": "µs/step",
    "peak_mib": "MiB",
}


class _Key(NamedTuple):
    """What a row of the table is about; `data` tells the data apart where several share a task label."""

    task: str
    cell: str
    bptt: str
    budget: str
    hardware: str
    data: str | None


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def write(results_dir: str | Path, warn: Callable[[str], object] = _to_stderr) -> pd.DataFrame:
    """Write `leaderboard.csv` and one CSV a task into `results_dir`, and return the whole table.

    Each record that cannot be read becomes one line to `warn`. StoreError where the folder has no runs or takes no
    files.
    """
    store, folder = Store(results_dir), Path(results_dir)
    if not store.runs.is_dir():
        raise StoreError(f"there are no runs in {store.runs}: start one, or choose another folder with results_dir=...")
    rows, warnings = store.rows()
    for warning in warnings:
        warn(warning)
    frame = tabulate(rows)
    tables = {"leaderboard": frame, **{_file_name(str(task)): part for task, part in frame.groupby("task")}}
    with writing(folder):
        for name, table in tables.items():
            write_atomic(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    return frame


def select(rows: Iterable[Row], ids: Collection[str]) -> list[Row]:
    """The rows of the runs `ids`: a sweep's own, say."""
    return [row for row in rows if row.id in ids]


def tabulate(rows: Iterable[Row]) -> pd.DataFrame:
    """The leaderboard, with `COLUMNS`: by task and hardware, best score first.

    Of the attempts at one run, the latest that is done counts, else the latest. Interrupted runs are left out: that
    somebody stopped them says nothing about the cell. Different data under one task label are never averaged: the
    label then ends in `@` and the data's fingerprint.
    """
    ended = [row for row in rows if row.status != "interrupted"]
    fingerprints = defaultdict(set)
    for row in ended:
        if row.fingerprint is not None:  # as it is in a run that failed before it read its data
            fingerprints[row.task].add(row.fingerprint)
    groups = defaultdict(list)
    for row in ended:
        data = row.fingerprint if len(fingerprints[row.task]) > 1 else None
        groups[_Key(row.task, row.cell, row.bptt, row.budget, row.hardware, data)].append(row)
    lines = [_line(key, _latest(attempts)) for key, attempts in groups.items()]
    floats = dict.fromkeys((c for c in COLUMNS if c not in (*_TEXTS, *_WHOLE)), "float64")
    frame = pd.DataFrame(lines, columns=list(COLUMNS)).astype({**floats, **_WHOLE})
    frame["rank"] = frame["score"].where(frame["direction"] == "min", -frame["score"])
    order = ["task", "hardware", "metric", "rank", "cell", "bptt", "budget"]
    return frame.sort_values(order, ignore_index=True).drop(columns="rank")


def to_text(frame: pd.DataFrame, columns: Sequence[str] = SHOWN) -> str:
    """The table for a terminal or a log: a block a task, under a head that says how it is scored.

    What all rows of a block share stands in its head, and columns without a figure are left out.
    """
    blocks = []
    for head, names, lines in _blocks(frame, columns):
        table = [[_HEADINGS.get(name, name) for name in names], *lines]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        pads = [str.ljust if name in _LEFT else str.rjust for name in names]
        aligned = ("  ".join(p(c, w) for p, c, w in zip(pads, cells, widths, strict=True)) for cells in table)
        blocks.append("\n".join([*head, *map(str.rstrip, aligned)]))
    return "\n\n".join(blocks) or "no runs yet"


def to_markdown(frame: pd.DataFrame, columns: Sequence[str] = SHOWN) -> str:
    """The blocks of `to_text` as Markdown tables under headings."""
    parts = []
    for (title, *shared), names, lines in _blocks(frame, columns):
        rule = ["---" if name in _LEFT else "---:" for name in names]
        table = [[_HEADINGS.get(name, name) for name in names], rule, *lines]
        rows = ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |" for cells in table]
        parts += [f"### {title}", *shared, "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def _latest(attempts: list[Row]) -> list[Row]:
    """The attempt that counts, for each seed: its row's labels say all else, save what was edited in between."""
    latest = {}
    for row in sorted(attempts, key=lambda row: (row.status == "done", row.written, len(row.id), row.id)):
        latest[row.seed] = row
    return list(latest.values())


def _line(key: _Key, runs: list[Row]) -> dict[str, Any]:
    """One row of the table, by column."""
    done = [run for run in runs if run.status == "done"]
    scored = next((run for run in (*done, *runs) if run.metric), None)
    split, score = _score(done)
    line: dict[str, Any] = {
        **key._asdict(),
        "task": f"{key.task}@{key.data[:8]}" if key.data else key.task,
        "score": score.mean,
        "ci_low": score.low,
        "ci_high": score.high,
        "seeds": len({run.seed for run in done}),
        "params": max(_known(done, "params"), default=None),
        **{name: median(_known(done, name) or [math.nan]) for name in _MEDIANS},
        **{status: sum(run.status == status for run in runs) for status in _COUNTS},
    }
    if scored:
        line |= {"metric": f"{split}{scored.metric}", "direction": scored.direction}
        line |= {"chance": scored.chance, "solved": scored.solved}
        if scored.chance is not None and scored.solved is not None:
            line["gap_closed"] = gap_closed(score.mean, scored.chance, scored.solved)
    return line


def _known(runs: list[Row], name: str) -> list[Any]:
    return [value for run in runs if (value := getattr(run, name)) is not None]


def _score(done: list[Row]) -> tuple[str, Interval]:
    """The mean over seeds with its interval: of the test score, else, marked as such, of the valid score.

    A score that some of the runs lack is none: the others alone would be a biased choice. Runs of one seed count once.
    """
    for split in ("test", "valid"):
        by_seed = defaultdict(list)
        for run in done:
            by_seed[run.seed].append(getattr(run, split))
        if done and None not in (value for values in by_seed.values() for value in values):
            return "valid " * (split == "valid"), mean_interval([fmean(values) for values in by_seed.values()])
    return "", Interval(math.nan, math.nan, math.nan)


def _file_name(task: str) -> str:
    """A task label as a file name; a hash keeps labels apart that would otherwise share one."""
    safe = re.sub(r"[^\w.,=+@()\[\]-]", "_", task, flags=re.ASCII)[:100]
    if safe == task != "leaderboard":
        return task
    return f"{safe}-{hashlib.sha256(task.encode()).hexdigest()[:8]}"


def _blocks(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[list[str], list[str], list[list[str]]]]:
    """A head, column names and formatted cells for each task, and again for each metric where it has several."""
    metrics = frame["metric"].where(frame["score"].notna())
    metrics = metrics.fillna(metrics.groupby(frame["task"]).transform("first"))  # rows without a score join the others
    for (task, _), part in frame.groupby(["task", metrics], sort=False, dropna=False):
        shared = [name for name in columns if name in _SHAREABLE and part[name].nunique() == 1]
        head = [_title(str(task), part), "; ".join(f"{name} {part[name].iloc[0]}" for name in shared)]
        lines = part.to_dict("records")
        cells = {name: [_cell(line, name) for line in lines] for name in columns if name not in shared}
        cells = {name: column for name, column in cells.items() if not set(column) <= {"-", "0"}}
        yield [line for line in head if line], list(cells), [list(line) for line in zip(*cells.values(), strict=True)]


def _title(task: str, part: pd.DataFrame) -> str:
    scored = part.dropna(subset=["score"])
    if scored.empty:
        return f"{task}: no run got as far as a score"
    first = scored.iloc[0]
    better = "higher" if first["direction"] == "max" else "lower"
    marks = [f"{name} {_short(first[name])}" for name in ("chance", "solved") if pd.notna(first[name])]
    return f"{task}: {', '.join([first['metric'], f'{better} is better', *marks])}"


def _cell(line: Mapping[Any, Any], column: str) -> str:
    value = line[column]
    if pd.isna(value):
        return "-"
    if column == "score":
        return _with_interval(value, line["ci_high"] - value)
    if column in ("params", "train_tokens_per_s", "infer_tokens_per_s"):
        return human(value)
    return _short(value) if isinstance(value, float) else str(value)


def _with_interval(score: float, half: float) -> str:
    """`0.987 ±0.004`: three or four digits of the score, and more where the interval is narrower than they tell."""
    if score and not 1e-4 <= abs(score) < 1e6:
        return f"{score:.3g}" + ("" if math.isnan(half) else f" ±{half:.2g}")
    power = math.floor(math.log10(abs(score))) if score else 0
    decimals = max(0, 3 - power if power >= 0 else 2 - power)
    if math.isnan(half):
        return f"{score:.{decimals}f}"
    if half:
        decimals = max(decimals, min(6, -math.floor(math.log10(half))))
    return f"{score:.{decimals}f} ±{half:.{decimals}f}"


def _short(value: float) -> str:
    """Three digits, or all that stand before the point."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"
