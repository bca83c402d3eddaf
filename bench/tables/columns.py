"""The one table of columns: for each figure its name, its summary over runs, and its format.

`bench.results.row.Row` gives the figure's place in a record, under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import ConfigError, did_you_mean
from bench.tables.formats import four_digits, or_never, score_alone, three_digits, with_prefix, with_prefix_apart

Of = Literal["key", "score", "median", "most", "count", "marks", "target"]
"""How a column sums up the runs of a row.

`key`: a label; runs with different labels are in different rows. `score`: the metric over all seeds (see `tabulate`).
`median` and `most`: the median and the largest figure of the finished runs. `target`: what it took until half of the
runs had reached the target on valid, those that diverged counted in, and how many did and did not. `count`: the number
of runs whose status is the column's name, with `_` for a space. `marks`: all doubts about the figures of another
column, which names this one as its `marks`, as do those that follow from it. A run with a mark counts in their medians
only where all runs have one: a busy machine's figures are not ranked with a quiet one's.
"""


@dataclass(frozen=True)
class Phrase:
    """A figure in the lines printed at the end of a run: the name of the line, and `words` with `{}` for the figure.

    `written` formats the figure; None for the format of its column. An `optional` figure that is not there is left out,
    another one is a dash.
    """

    line: str
    words: str
    written: Callable[[Any], str] | None = None
    optional: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard. Its `name` is public: the heading in CSV files, and the field of `Row` if any."""

    name: str
    of: Of
    written: Callable[[Any], str] = three_digits
    """The figure as text. It is never called with None or NaN, which are printed as a dash."""
    heading: str = ""
    """The heading in printed tables; empty for the name."""
    dtype: str | None = "float64"
    """The pandas type; None for text. `Int64` allows missing figures, `int64` does not."""
    left: bool = False
    """Aligned to the left: for text, and for scores, since not every score has an interval after it."""
    shown: bool = True
    """Whether printed tables have the column; files have all columns."""
    spare: int = 0
    """The larger, the sooner a narrow screen leaves the column out; 0: never."""
    shareable: bool = False
    """Whether a value common to all rows of a block is printed once, in the block's head."""
    ends: tuple[str, str] | None = None
    """The names of the columns with the ends of the figure's interval."""
    marks: str = ""
    """The name of the column with the doubts about the figure; for a column of doubts, the name of the figure."""
    closing: Phrase | None = None
    """The figure's words in the lines printed at the end of a run; None to leave it out."""

    @property
    def title(self) -> str:
        """The heading in printed tables."""
        return self.heading or self.name


def _text(name: str, of: Of = "key", shown: bool = True, shareable: bool = False) -> Column:
    return Column(name, of, str, dtype=None, left=True, shown=shown, shareable=shareable)


def _count(name: str, of: Of = "count", shown: bool = True, heading: str = "") -> Column:
    return Column(name, of, str, heading, dtype="int64", shown=shown)


def _marks(name: str, figure: str) -> Column:
    return Column(name, "marks", str, dtype=None, left=True, shown=False, marks=figure)


def _number(value: int) -> str:
    return f"{value:,}"


def _flop_per_s(value: float) -> str:
    return f"{with_prefix_apart(value)}FLOP/s"


def _steps(value: float) -> str:
    return f"{with_prefix(value)} steps"


COLUMNS = (
    _text("task", shown=False),  # the head of its block says it
    _text("cell"),
    _text("bptt", shareable=True),
    _text("budget", shareable=True),
    _text("hardware", shareable=True),
    _text("chosen", "score", shown=False),  # the label of the regime says it
    _text("metric", "score", shown=False),
    _text("direction", "score", shown=False),
    Column("score", "score", left=True, ends=("ci_low", "ci_high")),
    Column("ci_low", "score", shown=False),
    Column("ci_high", "score", shown=False),
    _text("interval", "score", shown=False),
    Column("valid", "score", score_alone),
    _count("seeds", "score"),
    Column("solved_seeds", "score", _number, heading="on target", dtype="Int64", spare=8),
    Column("solved_low", "score", shown=False),
    Column("solved_high", "score", shown=False),
    Column("score_median", "score", shown=False),
    Column("score_min", "score", shown=False),
    Column("score_max", "score", shown=False),
    _text("seed_scores", "score", shown=False),
    Column("chance", "score", shown=False),
    Column("solved", "score", shown=False),
    Column("target", "score", shown=False),
    Column("gap_closed", "score", heading="gap closed", spare=3),
    Column("params", "most", with_prefix, dtype="Int64", spare=1, closing=Phrase("model", "{} parameters", _number)),
    Column(
        "train_tokens_per_s", "median", with_prefix, "train tok/s",
        spare=2, marks="train_marks", closing=Phrase("speed", "training {} tokens/s"),
    ),
    _marks("train_marks", "train_tokens_per_s"),
    Column(
        "infer_tokens_per_s", "median", with_prefix, "infer tok/s",
        spare=5, marks="infer_marks", closing=Phrase("speed", "inference {} tokens/s"),
    ),
    _marks("infer_marks", "infer_tokens_per_s"),
    Column("prefill_tokens_per_s", "median", with_prefix, "prefill tok/s", shown=False, marks="prefill_marks"),
    _marks("prefill_marks", "prefill_tokens_per_s"),
    Column(
        "step_us", "median", heading="µs/step",
        spare=6, marks="step_marks", closing=Phrase("speed", "streaming {} µs a step", with_prefix),
    ),
    Column("step_p99_us", "median", heading="µs/step p99", shown=False, marks="step_marks"),
    Column(
        "real_time", "median", three_digits, shown=False,
        marks="step_marks", closing=Phrase("speed", "{} of real time", three_digits, optional=True),
    ),
    _marks("step_marks", "step_us"),
    Column(
        "peak_mib", "median", heading="MiB",
        spare=4, closing=Phrase("memory", "peak {} MiB in a training step", four_digits),
    ),
    Column("evaluation_mib", "median", shown=False),
    Column(
        "process_mib", "median", shown=False,
        closing=Phrase("memory", "{} MiB in the process", four_digits, optional=True),
    ),
    Column(
        "train_flop_per_s", "median", with_prefix, shown=False,
        marks="train_marks", closing=Phrase("work", "training {}", _flop_per_s, optional=True),
    ),
    Column(
        "peak_share", "median", shown=False,
        marks="train_marks", closing=Phrase("work", "{} of the peak", "{:.0%}".format, optional=True),
    ),
    Column(
        "gemm_share", "median", shown=False,
        marks="train_marks", closing=Phrase("work", "products alone {} of a step", "{:.0%}".format, optional=True),
    ),
    Column(
        "joules_a_token", "median", shown=False,
        marks="train_marks", closing=Phrase("work", "{} J a token", three_digits, optional=True),
    ),
    _count("reached", "target", shown=False),
    _count("unreached", "target", shown=False),
    Column("target_steps", "target", or_never(_steps), heading="to target", spare=9),
    Column("target_tokens", "target", or_never(with_prefix), shown=False),
    Column("target_seconds", "target", or_never(three_digits), shown=False),
    Column("target_flops", "target", or_never(with_prefix), shown=False),
    Column("seconds", "median", spare=7),
    _count("done", shown=False),
    _count("failed"),
    _count("diverged"),
    _count("timed_out", heading="timed out"),
    _count("out_of_memory", heading="out of memory"),
)  # fmt: skip
"""The leaderboard's columns in the order of its files."""

BEHIND = (
    _text("by_seed", "score", shown=False),  # every seed's score, as JSON
    Column("lowest", "score", shown=False),
    Column("highest", "score", shown=False),
    _text("run", "score", shown=False),  # one of the runs, whose record has the options of all
)
"""Columns that no file has: what an overview needs of a row beside its figures."""

SHOWN = tuple(column for column in COLUMNS if column.shown)


def named(*names: str, among: Sequence[Column] = COLUMNS) -> tuple[Column, ...]:
    """The columns with these names, `among` all that there are. Raises ConfigError, listing these, for another name."""
    known = {column.name: column for column in among}
    for name in names:
        if name not in known:
            there_are = f"there are {', '.join(known)}"
            raise ConfigError(f"{name}: the leaderboard has no such column{did_you_mean(name, known)}; {there_are}")
    return tuple(known[name] for name in names)
