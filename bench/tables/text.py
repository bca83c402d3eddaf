"""The leaderboard for a terminal and as Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from bench.printable import printable
from bench.tables.columns import SHOWN, Column, named
from bench.tables.doubts import legend, signs
from bench.tables.fitted import Field, lines
from bench.tables.formats import score_with_interval, three_digits
from bench.tables.shared import without_shared

_WITH_OPTIONS = named("cell", "bptt")
_ORDER = "rows of one cell stand in the order of valid; cells in that of their first row's score"


class _Block(NamedTuple):
    """The rows of one task: the lines of its head, the columns with figures, and the printed cells of each row."""

    head: list[str]
    columns: list[Column]
    lines: list[list[str]]

    @property
    def titles(self) -> list[str]:
        return [column.title for column in self.columns]


def to_text(frame: pd.DataFrame, columns: Sequence[Column] = SHOWN, width: int | None = None) -> str:
    """The table for a terminal or a log: a block for each task, with task and metric in its head.

    Values and options that all rows of a block share are printed in the head, and how rows of one cell are ordered.
    Columns without a figure are left out, and in a screen of some `width` those that it has no room for, which the last
    line names.
    """
    blocks = []
    for block in _blocks(frame, columns):
        cells = zip(*block.lines, strict=True)
        fields = [Field(c.title, texts, c.left, c.spare) for c, texts in zip(block.columns, cells, strict=True)]
        table, left_out = lines(fields, width)
        head = [part for line in block.head for part in (textwrap.wrap(line, width) if width else [line])]
        wider = [f"a wider screen shows {', '.join(left_out)} too; the CSV files have all"] if left_out else []
        blocks.append("\n".join([*head, *table, *(textwrap.wrap(wider[0], width or 0) if wider else [])]))
    return "\n\n".join(blocks) or "no runs yet"


def to_markdown(frame: pd.DataFrame, columns: Sequence[Column] = SHOWN) -> str:
    """The blocks of `to_text` as Markdown tables under headings."""
    parts = []
    for block in _blocks(frame, columns):
        title, *shared = map(_as_it_is, block.head)
        rule = ["---" if column.left else "---:" for column in block.columns]
        table = [block.titles, rule, *([*map(_as_it_is, cells)] for cells in block.lines)]
        rows = ["| " + " | ".join(cells) + " |" for cells in table]
        parts += [f"### {title}", *shared, "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def _as_it_is(text: str) -> str:
    """A text that Markdown shows as it is: no end of a cell, no code, link or HTML begins in it."""
    return re.sub(r"([\\|`<>&*~$\[\]])", r"\\\1", text)


def _blocks(frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[_Block]:
    """A block for each task and metric."""
    metrics = frame["metric"].where(frame["score"].notna())
    metrics = metrics.fillna(metrics.groupby(frame["task"]).transform("first"))  # rows without a score join the others
    for (task, _), part in frame.groupby(["task", metrics], sort=False, dropna=False):
        shared = [column for column in columns if column.shareable and part[column.name].nunique() == 1]
        head = [_title(str(task), part)]
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
        lines = [list(line) for line in zip(*cells.values(), strict=True)]
        yield _Block([*map(printable, head)], list(cells), lines)


def _title(task: str, part: pd.DataFrame) -> str:
    """The first line of a block: task, metric, better direction, chance and solved."""
    scored = part.dropna(subset=["score"])
    if scored.empty:
        return f"{task}: no run got as far as a score"
    first = scored.iloc[0]
    better = "higher" if first["direction"] == "max" else "lower"
    marks = [f"{name} {three_digits(first[name])}" for name in ("chance", "solved") if pd.notna(first[name])]
    return f"{task}: {', '.join([first['metric'], f'{better} is better', *marks])}"


def _cell(row: Mapping[Any, Any], column: Column) -> str:
    value = row[column.name]
    if pd.isna(value):
        return "-"
    if column.upper is not None:
        return score_with_interval(value, row[column.upper] - value)
    return column.written(value) + signs(row.get(column.marks))
