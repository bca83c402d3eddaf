"""Plot learning curves of runs or of a sweep, or their scores against their speeds.

Runs are chosen by name (a run's id, a sweep's, or the beginning of one: then the latest) and by column, as in
`task=copy cell=gru,lstm`; without any, it is the latest sweep. Runs that differ in the seed alone are one line, with a
band from the lowest to the highest; each task has a panel of its own. With --reached it is the share of runs that have
reached the target on valid, by steps, tokens or seconds; those that never do are counted. The file is
RESULTS/plots/NAME.png, or --to.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser
from bench.command.verbs.runs import column_filter
from bench.errors import ConfigError, did_you_mean
from bench.printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.tables.curves import Panel, Run

_AGAINST = ("steps", "tokens", "seconds", "speed")
_MOST = 12
"""Panels, and lines in one, that a reader can still tell apart."""


def arguments(parser: Parser) -> None:
    """The runs, the axes and the file."""
    parser.add_argument("words", nargs="*", metavar="RUN", help="a run, a sweep, or COLUMN=VALUE as for bench runs")
    parser.add_argument(
        "--against",
        choices=_AGAINST,
        default="steps",
        help="what learning curves are drawn against (steps); speed: the score against tokens a second in training",
    )
    parser.add_argument(
        "--of", metavar="COLUMN", help="a column of curve.csv, such as train_loss (the metric on valid)"
    )
    parser.add_argument(
        "--reached", action="store_true", help="the share of runs that have reached their task's target on valid"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="the file, which ends in .png, .svg or .pdf")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Draw and write the plot."""
    if options.of and options.against == "speed":
        raise ConfigError(f"plot: --of={options.of} is a column of learning curves: leave out --against=speed")
    if options.reached and (options.of or options.against == "speed"):
        other = f"--of={options.of}" if options.of else "--against=speed"
        raise ConfigError(f"plot: --reached and {other} are two plots: leave out one")

    from bench.report.style import check_format, save
    from bench.results.files import make_folder, writing
    from bench.study.chosen import choose

    if options.to:
        check_format(options.to)
    names = [word for word in options.words if "=" not in word]
    where = dict(column_filter("plot", word) for word in options.words if "=" in word)
    chosen = choose(options.results_dir, names, where, _say)
    drawn = _figure(options, [_read(folder) for folder in chosen])
    path = options.to or Path(options.results_dir) / "plots" / f"{_name(options, chosen)}.png"
    with writing(path.parent, "--to"):
        make_folder(path.parent)
        save(drawn, path)
    print(printable(f"{len(chosen)} run{'s' * (len(chosen) > 1)}, written: {path}"))
    return 0


def _figure(options: Namespace, runs: Sequence[Run]) -> Figure:
    """The plot that was asked for; ConfigError where the runs have nothing to be drawn."""
    from bench.report.curve_plots import curves, score_and_speed
    from bench.tables.curves import panels

    of_machine = options.against in ("seconds", "speed")  # other machines' times are not comparable
    found = panels(runs, apart=("hardware",) if of_machine else ())
    most = max([len(found), *(len(panel.lines) for panel in found)])
    if most > _MOST:
        things = "panels" if most == len(found) else "lines in a panel"
        raise ConfigError(f"plot: {most} {things}: no more than {_MOST} can be told apart; choose fewer runs")
    if options.against != "speed":
        _refuse_without_curve(runs, found, options.of)
    if left := len(runs) - sum(len(line.runs) for panel in found for line in panel.lines):
        _say(f"left out: {left} of {len(runs)} runs, whose metric is unknown or of which a later attempt is drawn")
    if options.against == "speed":
        return score_and_speed(found)
    if options.reached:
        return _reached(options, found)
    return curves(found, options.against, options.of)


def _reached(options: Namespace, found: Sequence[Panel]) -> Figure:
    from bench.report.survival_plots import reached
    from bench.tables.tabulate import tried_for_target

    told = [panel for panel in found if any(tried_for_target(line.rows) for line in panel.lines)]
    for panel in (panel for panel in found if panel not in told):
        _say(
            f"left out: {' '.join(panel.title.split())}: the task has no target, or no run tells whether it is reached"
        )
    if not told:
        raise ConfigError("plot: --reached: no run has a target; leave it out for learning curves")
    return reached(told, options.against)


def _refuse_without_curve(runs: Sequence[Run], found: Sequence[Panel], of: str | None) -> None:
    """Raise ConfigError where no run has a curve, or none has the column `of`."""
    columns = dict.fromkeys(str(name) for run in runs for name in run.curve)
    if not columns or not found:
        record = runs[0].record
        ended = f": {record.status}: {record.reason}" if record.reason else ""
        others = f", nor have the other {len(runs) - 1}" if len(runs) > 1 else ""
        raise ConfigError(f"{record.id} has no learning curve{others}: it ended before its first validation{ended}")
    if of and of not in columns:
        raise ConfigError(
            f"plot: --of={of}: no curve has this column{did_you_mean(of, columns)}; there are {', '.join(columns)}"
        )


def _read(folder: Path) -> Run:
    """A run with its curve."""
    import pandas as pd

    from bench.results.curve import read_curve
    from bench.results.names import CURVE
    from bench.results.record import Record
    from bench.tables.curves import Run

    path = folder / CURVE
    return Run(Record.read(folder), read_curve(path) if path.is_file() else pd.DataFrame())


def _name(options: Namespace, chosen: Sequence[Path]) -> str:
    """The name of the file: of the words or the run, and of what is drawn."""
    words = [Path(word).name for word in options.words]
    what = (
        [options.of] * bool(options.of)
        + [options.against] * (options.against != "steps")
        + ["reached"] * options.reached
    )
    return "_".join([*(words or ["latest-sweep"] if len(chosen) > 1 else [chosen[0].name]), *what])[:200]


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr)
