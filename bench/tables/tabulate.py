"""The leaderboard as a frame: one row a (task, cell, training regime, budget, hardware)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from statistics import fmean, median
from typing import Any, NamedTuple

import pandas as pd

from bench.results.record import Row
from bench.stats.interval import Interval, gap_closed, mean_interval

_TEXTS = ("task", "cell", "bptt", "budget", "hardware", "metric", "direction")
_MEDIANS = ("train_tokens_per_s", "infer_tokens_per_s", "step_us", "peak_mib", "seconds")
_COUNTS = ("done", "failed", "diverged")
COLUMNS = (
    *_TEXTS, "score", "ci_low", "ci_high", "seeds", "chance", "solved", "gap_closed", "params", *_MEDIANS, *_COUNTS,
)  # fmt: skip
_WHOLE = {"seeds": "int64", "params": "Int64", **dict.fromkeys(_COUNTS, "int64")}  # Int64 may be missing


class _Key(NamedTuple):
    """What a row of the table is about; `data` tells the data apart where several share a task label."""

    task: str
    cell: str
    bptt: str
    budget: str
    hardware: str
    data: str | None


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
