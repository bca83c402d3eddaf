"""Derive the tables from all records, and print that of all rows, or cells by tasks with ranks.

The tables are `leaderboard.csv` and one file per task, in the results folder; where that is read-only, they are only
printed. A text that a spreadsheet would take for a formula has an apostrophe in front. Words filter what is printed by
a column or by any option: task=copy cell=gru,lstm budget="1000 steps" model.hidden=64.

`--show=overview` puts cells by tasks, of one training regime, budget and hardware at a time: scores, ranks that cells
share which no test tells apart, mean ranks, normalised scores, Pareto fronts. `--show=pairs` compares each two cells.
`--show=spread` says what initialisation, order of the data and split each add to the spread of a row's scores.
"""

from __future__ import annotations

import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.command.parser import Parser
from bench.command.verbs.runs import column_filter
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.row import Row
    from bench.tables.blocks import Block
    from bench.tables.overview import Overview

FORMATS = ("text", "markdown", "latex", "csv", "json", "parquet")
DATA = ("csv", "json", "parquet")
"""The forms that programs read."""
_LABELS = ["task", "cell", "bptt", "budget", "hardware"]
_MOST = 6
"""Overviews that are printed below each other."""


def arguments(parser: Parser) -> None:
    """Filters, what to show of which columns and in what order, the form, files, and the results folder."""
    parser.add_argument("words", nargs="*", metavar="NAME=VALUE", help="rows that fit, by column or option")
    parser.add_argument(
        "--show",
        choices=("rows", "overview", "pairs", "spread"),
        default="rows",
        help="all rows (rows), cells by tasks, each two cells compared, or what scores spread by",
    )
    parser.add_argument("--columns", metavar="C,...", help="these columns, of rows or of each cell on each task")
    parser.add_argument("--sort", metavar="COLUMN", help="the best in this column first")
    parser.add_argument("--group", metavar="NAME", help="a table for each value of an option or a column")
    parser.add_argument("--target", type=float, metavar="SCORE", help="another score that solves the task, of one task")
    parser.add_argument("--format", choices=FORMATS, help="how it is printed (text)")
    parser.add_argument("--markdown", action="store_true", help="the same as --format=markdown")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write it to FILE, which parquet needs")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw overview or pairs: FILE.png, .svg or .pdf")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Write the tables where that is possible, and print what was asked for."""
    from bench.tables import files
    from bench.tables.selection import Selection

    _check(options)
    wanted = dict(map(_filter, options.words))
    table = files.table(options.results_dir, warn=lambda line: print(printable(line), file=sys.stderr))
    selection = Selection(table, options.results_dir)
    found = selection.where(wanted)
    if options.words and found.empty:
        raise ConfigError(f"leaderboard: no row fits {' '.join(options.words)}; bench leaderboard has all")
    if options.target is not None:
        found = _held_to(options, found)
    if options.group:
        found = found.assign(**{options.group: selection.values(options.group, found)})
    if options.show == "rows":
        _rows(options, found)
    elif options.show == "spread":
        _spread(options, found)
    else:
        _compared(options, found)
    return 0


def _filter(word: str) -> tuple[str, list[Any]]:
    """A name and the values that fit: those between commas, and all of it, since labels have commas of their own."""
    name, values = column_filter("leaderboard", word)
    return name, [*values, word.partition("=")[2]]


def _held_to(options: Namespace, found: pd.DataFrame) -> pd.DataFrame:
    """The rows with another target than their task's."""
    from bench.results.store import Store
    from bench.tables.columns import BEHIND, COLUMNS
    from bench.tables.retargeted import retargeted
    from bench.tables.tabulate import tabulate

    if found["task"].nunique() > 1:
        tasks = ", ".join(found["task"].unique()[:5])
        raise ConfigError(
            f"leaderboard: --target={options.target:g} is of one task: choose it, as in task=... ({tasks})"
        )
    _refuse_beyond(options.target, found)
    rows = retargeted(_runs(options, found), Store(options.results_dir), options.target)
    table = tabulate(rows, (*COLUMNS, *BEHIND))
    return found[_LABELS].drop_duplicates().merge(table, on=_LABELS, how="left")


def _refuse_beyond(target: float, found: pd.DataFrame) -> None:
    """Raise ConfigError for a target that no score can be."""
    known = found.dropna(subset=["direction"])
    low, high = known["lowest"].fillna(-math.inf).max(), known["highest"].fillna(math.inf).min()
    if math.isfinite(target) and not (target < low or target > high):
        return
    ends = [f"{name} {end:g}" for name, end in (("from", low), ("up to", high)) if math.isfinite(end)]
    name = next(iter(known["metric"]), "a score")
    raise ConfigError(f"leaderboard: --target={target:g}: {name} is a finite number{' '.join(['', *ends])}")


def _runs(options: Namespace, found: pd.DataFrame) -> list[Row]:
    """The runs of these rows, but for interrupted ones."""
    from bench.tables.marks import told_apart
    from bench.tables.runs import read

    keys = {*found[_LABELS].itertuples(index=False, name=None)}
    every = told_apart([row for row in read(options.results_dir, lambda line: None) if row.status != "interrupted"])
    return [row for row in every if tuple(getattr(row, label) for label in _LABELS) in keys]


def _check(options: Namespace) -> None:
    """Refuse what does not go together before anything is read."""
    if options.markdown and options.format not in (None, "markdown"):
        raise ConfigError(f"leaderboard: --markdown and --format={options.format} are two forms: leave out one")
    options.format = options.format or ("markdown" if options.markdown else "text")
    if options.format == "parquet" and not options.to:
        raise ConfigError("leaderboard: --format=parquet is no text: say with --to=FILE where it is to go")
    if options.plot:
        from bench.report.style import check_format

        check_format(options.plot)
        if options.show in ("rows", "spread"):
            raise ConfigError(
                "leaderboard: --plot draws --show=overview (ranks) or --show=pairs; bench plot draws scores and speeds"
            )
    if options.show == "spread" and options.group:
        raise ConfigError("leaderboard: --show=spread has a line for each row: narrow it by words, without --group")
    if options.show in ("pairs", "spread") and options.columns and options.format not in DATA:
        raise ConfigError(f"leaderboard: --columns of --show={options.show} go with --format=csv, json or parquet")


def _rows(options: Namespace, found: pd.DataFrame) -> None:
    from bench.tables import text
    from bench.tables.columns import COLUMNS, SHOWN, named
    from bench.tables.selection import in_order, parts

    columns = named(*options.columns.split(",")) if options.columns else SHOWN
    found = in_order(found, options.sort) if options.sort else found
    blocks = [block for part, head in parts(found, options.group) for block in text.blocks(part, columns, head)]
    kept = [column.name for column in (columns if options.columns else COLUMNS)]
    _write(options, found[[*kept, *([options.group] if options.group and options.group not in kept else [])]], blocks)


def _spread(options: Namespace, found: pd.DataFrame) -> None:
    from bench.tables import spread
    from bench.tables.selection import check_columns, in_order

    frame = spread.to_frame(_runs(options, found), Path(options.results_dir))
    frame = in_order(frame, options.sort) if options.sort else frame
    kept = check_columns(options.columns, frame) if options.columns else [*frame]
    _write(options, frame[kept], [*spread.blocks(frame)])


def _compared(options: Namespace, found: pd.DataFrame) -> None:
    """Overviews, or the pairs of their cells."""
    from bench.tables import overview, overview_text, pairs, text
    from bench.tables.columns import COLUMNS, named
    from bench.tables.selection import check_columns, in_order, parts

    views = [*overview.overviews(found, options.group)]
    if options.format not in DATA or options.plot:
        _refuse_many(views, 1 if options.plot else _MOST)
    blocks: list[Block]
    if options.show == "pairs":
        frame = pairs.to_frame(views, options.group)
        if frame.empty and options.format not in DATA:
            raise ConfigError(
                "leaderboard: no two cells have scores in one metric on one task, at one budget, regime and hardware: "
                "there are no pairs; --show=overview says what each cell has"
            )
        frame = in_order(frame, options.sort) if options.sort else frame
        blocks = [*pairs.blocks(frame, options.group)]
        frame = frame[check_columns(options.columns, frame)] if options.columns else frame
    else:
        frame = overview.to_frame(views, options.group)
        if options.sort:
            frame = in_order(frame, options.sort)
            views = [replace(view, order=[*dict.fromkeys(overview.of(frame, view)["cell"])]) for view in views]
        blocks = [block for view in views for block in overview_text.blocks(view)]
        if options.columns:
            columns = named(*options.columns.split(","), among=(*COLUMNS, *overview.ADDED))
            blocks = [b for part, head in parts(frame, options.group) for b in text.blocks(part, columns, head)]
            frame = frame[[column.name for column in columns]]
    if options.plot:
        _draw(options, views[0])
    _write(options, frame, blocks)


def _refuse_many(views: Sequence[Overview], most: int) -> None:
    """Raise ConfigError for more overviews than can be shown, with the words that choose one."""
    if not views:
        raise ConfigError("leaderboard: there are no runs to compare")
    if len(views) <= most:
        return
    told = []
    for name in views[0].setting:
        values = [*dict.fromkeys(view.setting[name] for view in views)]
        if len(values) > 1:
            some = ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
            told.append(f"{'bptt' if name == 'regime' else name} ({some})")
    raise ConfigError(
        f"leaderboard: {len(views)} settings, which are not ranked together: choose by {'; '.join(told)}, as in "
        f"budget='{views[0].setting['budget']}'"
    )


def _draw(options: Namespace, view: Overview) -> None:
    from bench.report.rank_plots import critical_difference, matrix
    from bench.report.style import save
    from bench.results.files import make_folder, writing
    from bench.tables import pairs

    drawn = critical_difference(view) if options.show == "overview" else matrix(view, pairs.to_frame([view]))
    with writing(options.plot.parent, "--plot"):
        make_folder(options.plot.parent)
        save(drawn, options.plot)
    print(printable(f"written: {options.plot}"), file=sys.stderr)


def _write(options: Namespace, frame: pd.DataFrame, blocks: Sequence[Block]) -> None:
    """Print the table in its form, or write it to the file that was named."""
    from bench.results.files import make_folder, write_atomic, writing
    from bench.tables import files, text
    from bench.tables.blocks import as_latex, as_markdown, as_text

    if options.format == "parquet":
        with writing(options.to.parent, "--to"):
            make_folder(options.to.parent)
            frame.to_parquet(options.to, index=False)
        return
    width = None if options.to else screen_width(UNLIMITED)
    written = {
        "text": lambda: (as_text(blocks, width, text.ALL) or "no runs yet") + "\n",
        "markdown": lambda: as_markdown(blocks) + "\n",
        "latex": lambda: as_latex(blocks),
        "csv": lambda: files.to_csv(frame),
        "json": lambda: files.to_json(frame),
    }[options.format]()
    if options.to:
        with writing(options.to.parent, "--to"):
            make_folder(options.to.parent)
            write_atomic(options.to, written)
    else:
        print(written, end="")
