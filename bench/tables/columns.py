"""The one table of columns: what each figure is called, how runs are summed up in it, and how it is printed.

Where a figure is in a record says `bench.results.row.Row`, under the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import ConfigError, did_you_mean
from bench.tables.formats import four_digits, three_digits, with_prefix

Of = Literal["key", "score", "median", "most", "count"]
"""How a cell of a table comes from its runs.

`key`: runs that differ in it are in different rows. `score`: the metric of all seeds together (see `tabulate`).
`median` and `most`: of the runs that are done. `count`: how many runs have this status.
"""


@dataclass(frozen=True)
class Phrase:
    """A figure in the lines that close a run: the line's name, and the words around the figure, which is at `{}`.

    The figure is `written` as in its column where nothing else is said.
    """

    line: str
    words: str
    written: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard. Its `name` is public: CSV files have it, and `Row` where runs have the figure."""

    name: str
    of: Of
    written: Callable[[Any], str] = three_digits
    """A figure as text. None and NaN are a dash, and are never handed to it."""
    heading: str = ""
    """What is above the column where people read it; the name if empty."""
    dtype: str | None = "float64"
    """As pandas calls it: `Int64` may be missing, `int64` never is; None for text."""
    left: bool = False
    """Aligned to the left: text, and scores by their first digit, since not every score has an interval."""
    shown: bool = True
    """Whether printed tables have it; files have all."""
    shareable: bool = False
    """Whether the head of a block says it once where all rows of the block have the same."""
    upper: str | None = None
    """The column with the upper end of its interval."""
    closing: Phrase | None = None
    """How the lines that close a run say it, if they do."""

    @property
    def title(self) -> str:
        """What to print above the column."""
        return self.heading or self.name


def _text(name: str, of: Of = "key", shown: bool = True, shareable: bool = False) -> Column:
    return Column(name, of, str, dtype=None, left=True, shown=shown, shareable=shareable)


def _count(name: str, of: Of = "count", shown: bool = True) -> Column:
    return Column(name, of, str, dtype="int64", shown=shown)


def _number(value: int) -> str:
    return f"{value:,}"


COLUMNS = (
    _text("task", shown=False),  # the head of its block says it
    _text("cell"),
    _text("bptt", shareable=True),
    _text("budget", shareable=True),
    _text("hardware", shareable=True),
    _text("metric", "score", shown=False),
    _text("direction", "score", shown=False),
    Column("score", "score", left=True, upper="ci_high"),
    Column("ci_low", "score", shown=False),
    Column("ci_high", "score", shown=False),
    _count("seeds", "score"),
    Column("chance", "score", shown=False),
    Column("solved", "score", shown=False),
    Column("gap_closed", "score", heading="gap closed"),
    Column("params", "most", with_prefix, dtype="Int64", closing=Phrase("model", "{} parameters", _number)),
    Column(
        "train_tokens_per_s", "median", with_prefix, "train tok/s", closing=Phrase("speed", "training {} tokens/s"),
    ),
    Column(
        "infer_tokens_per_s", "median", with_prefix, "infer tok/s", closing=Phrase("speed", "inference {} tokens/s"),
    ),
    Column("step_us", "median", heading="µs/step", closing=Phrase("speed", "streaming {} µs a step", with_prefix)),
    Column(
        "peak_mib", "median", heading="MiB", closing=Phrase("memory", "peak {} MiB in a training step", four_digits),
    ),
    Column("seconds", "median"),
    _count("done", shown=False),
    _count("failed"),
    _count("diverged"),
)  # fmt: skip
"""The leaderboard's columns in the order of its files."""

SHOWN = tuple(column for column in COLUMNS if column.shown)


def named(*names: str) -> tuple[Column, ...]:
    """The columns of these names. ConfigError names one that there is not, with all that there are."""
    known = {column.name: column for column in COLUMNS}
    for name in names:
        if name not in known:
            there_are = f"there are {', '.join(known)}"
            raise ConfigError(f"{name}: the leaderboard has no such column{did_you_mean(name, known)}; {there_are}")
    return tuple(known[name] for name in names)
