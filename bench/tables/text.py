"""The leaderboard for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.printable import printable
from bench.tables.blocks import Block, as_markdown, as_text
from bench.tables.columns import SHOWN, Column, named
from bench.tables.doubts import legend, signs
from bench.tables.fitted import Field
from bench.tables.formats import four_digits, score_with_interval, three_digits
from bench.tables.shared import without_shared

_WITH_OPTIONS = named("cell", "bptt")
_ORDER = "rows of one cell stand in the order of valid; cells in that of their first row's score"


ALL = "the CSV files have all"
"""What has the columns that a screen leaves out."""


def to_text(frame: pd.DataFrame, columns: Sequence[Column] = SHOWN, width: int | None = None) -> str:
    """The table for a terminal or a log: a block for each task, with task and metric in its head.

    Values and options that all rows of a block share are printed in the head, and how rows of one cell are ordered.
    Columns without a figure are left out, and in a screen of some `width` those that it has no room for, which the last
    line names.
    """
    return as_text(blocks(frame, columns), width, ALL) or "no runs yet"


def to_markdown(frame: pd.DataFrame, columns: Sequence[Column] = SHOWN) -> str:
    """The blocks of `to_text` as Markdown tables under headings."""
    return as_markdown(blocks(frame, columns))


def blocks(frame: pd.DataFrame, columns: Sequence[Column] = SHOWN, of: Sequence[str] = ()) -> Iterator[Block]:
    """A block for each task, metric and direction; the lines `of` what part of the table they are follow each title."""
    keys = [frame[name].where(frame["score"].notna()) for name in ("metric", "direction")]
    keys = [key.fillna(key.groupby(frame["task"]).transform("first")) for key in keys]  # those without a score join
    for (task, *_), part in frame.groupby(["task", *keys], sort=False, dropna=False):
        shared = [column for column in columns if column.shareable and part[column.name].nunique() == 1]
        head = [_title(str(task), part), *of]
        said = [f"{column.title} {part[column.name].iloc[0]}" for column in shared]
        for name in (column.name for column in columns if column in _WITH_OPTIONS and column not in shared):
            labels, options = without_shared([*part[name]])
            part = part.assign(**{name: labels})
            said += [f"every {name} with {', '.join(options)}"] if options else []
        head += ["; ".join(said)] if said else []
        head += [_ORDER] if part.dropna(subset=["score"]).duplicated(["hardware", "cell"]).any() else []
        doubted = "".join(signs(mark) for column in columns for mark in part.get(column.marks, ()))
        head += ["; ".join(legend(doubted))] if doubted else []
        rows = part.to_dict("records")
        cells = {column: [printable(_cell(row, column)) for row in rows] for column in columns if column not in shared}
        cells = {column: texts for column, texts in cells.items() if set(texts) not in ({"-"}, {"0"})}
        fields = [Field(column.title, texts, column.left, column.spare) for column, texts in cells.items()]
        below = [printable(_split(row, cells)) for row in rows if _is_split(row)] + _tuned_unequally(part)
        yield Block([*map(printable, head)], fields, below)


def _title(task: str, part: pd.DataFrame) -> str:
    """The first line of a block: task, metric, better direction, chance and solved."""
    scored = part.dropna(subset=["score"])
    if scored.empty:
        return f"{task}: no run got as far as a score"
    first = scored.iloc[0]
    better = "higher" if first["direction"] == "max" else "lower"
    marks = [f"{name} {three_digits(first[name])}" for name in ("chance", "solved", "target") if pd.notna(first[name])]
    return f"{task}: {', '.join([first['metric'], f'{better} is better', *marks])}"


def _is_split(row: Mapping[Any, Any]) -> bool:
    """Whether some of the row's seeds reach the target and others do not."""
    return pd.notna(row["solved_seeds"]) and 0 < row["solved_seeds"] < row["seeds"]


def _split(row: Mapping[Any, Any], shown: Collection[Column]) -> str:
    """What a mean over seeds in two states hides: how many reach the target, and where each of them is."""
    label = ", ".join(str(row[column.name]) for column in shown if column.of == "key")
    share = f"{row['solved_seeds']} of {row['seeds']} seeds reach the target (95% interval of the share"
    share += f" {three_digits(row['solved_low'])} to {three_digits(row['solved_high'])})"
    places = [four_digits(row[name]) for name in ("score_median", "score_min", "score_max")]
    found = f"{label}: {share}; median {places[0]}, from {places[1]} to {places[2]}"
    if pd.isna(row["seed_scores"]):
        return found
    return f"{found}; by seed {', '.join(four_digits(float(score)) for score in row['seed_scores'].split())}"


def _tuned_unequally(part: pd.DataFrame) -> list[str]:
    """A line where rows were chosen among unequal numbers of trials, of which the more the better, or in different
    search spaces."""
    tuned = part[part["chosen"].str.contains(" trial")].groupby("chosen")["cell"].unique()
    said = "; ".join(f"{', '.join(cells)} among {trials}" for trials, cells in tuned.items())
    return [printable(f"chosen unequally: {said}")] if len(tuned) > 1 else []


def _cell(row: Mapping[Any, Any], column: Column) -> str:
    value = row[column.name]
    if pd.isna(value):
        return "-"
    if column.ends is not None:
        return score_with_interval(value, *(row[name] for name in column.ends))
    return column.written(value) + signs(row.get(column.marks))
