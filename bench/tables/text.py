"""The leaderboard for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.tables.formats import human, short, with_interval
from bench.tables.tabulate import (
    _MEDIANS,
    _TEXTS,
)

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
    marks = [f"{name} {short(first[name])}" for name in ("chance", "solved") if pd.notna(first[name])]
    return f"{task}: {', '.join([first['metric'], f'{better} is better', *marks])}"


def _cell(line: Mapping[Any, Any], column: str) -> str:
    value = line[column]
    if pd.isna(value):
        return "-"
    if column == "score":
        return with_interval(value, line["ci_high"] - value)
    if column in ("params", "train_tokens_per_s", "infer_tokens_per_s"):
        return human(value)
    return short(value) if isinstance(value, float) else str(value)
