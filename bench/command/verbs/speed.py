"""Measure speed alone, over a grid of configurations, and put all members beside a baseline.

`bench speed cell=lstm,gru model.hidden=64,256` trains nothing and writes no record. All members are built and compared
with their loop of steps, then sampled in turn, in an order drawn anew each round: what slows the machine slows all of
them. The table, all samples and a plot for each option with several numbers go to RESULTS/speed, or where --to says.

`--compare` says what became slower than in earlier files, and the exit code is 1 where anything did. Several files of
the same code tell by how much processes differ that run it.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.speeds import Speeds


def arguments(parser: Parser) -> None:
    """The grid, the baseline, what to time and by which clock, and what to compare with."""
    from bench.results.speeds import FIGURES

    parser.add_argument("overrides", nargs="*", metavar="OPTION=VALUE,...", help="options, some with several values")
    parser.add_argument(
        "--baseline",
        metavar="WORDS",
        help="the member that has these options instead is each one's baseline (the first)",
    )
    parser.add_argument(
        "--figures", default=",".join(FIGURES), metavar="F,...", help=f"what to time ({','.join(FIGURES)})"
    )
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="wall or processor time (wall)")
    parser.add_argument(
        "--compare",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file of an earlier call, may be repeated: what became slower?",
    )
    parser.add_argument("--margin", type=float, default=0.02, metavar="SHARE", help="what is still no change (0.02)")
    parser.add_argument("--other-machine", action="store_true", help="compare although FILE is of another machine")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="measure nothing: show FILE, or pytest-benchmark's",
    )
    parser.add_argument("--to", type=Path, metavar="PATH", help="write PATH.json, PATH.csv and PATH-*.png")


def run(options: Namespace) -> int:
    """Measure or read, print the table, write the files; 1 where something became slower or a member was refused."""
    from bench.results.speeds import Speeds
    from bench.tables.speed_changes import changes, refuse_clock
    from bench.tables.speeds import to_frame, to_text

    before = [Speeds.read(path) for path in options.compare]
    if options.source is not None and options.overrides:
        raise ConfigError(f"speed: --from={options.source} measures nothing: leave out {options.overrides[0]}")
    if options.source is None:
        for each in before:
            refuse_clock(options.clock, each)  # before anything is measured
    speeds = Speeds.read(options.source) if options.source is not None else _measured(options)
    frame = to_frame(speeds, options.baseline)
    print(*map(printable, to_text(speeds, frame, screen_width(UNLIMITED)).splitlines()), sep="\n")
    for name, reason in speeds.refused.items():
        print(printable(f"not measured: {name}: {reason}"))
    found = changes(speeds, before, options.margin, options.other_machine) if before else []
    if before:
        print(f"\ntime / time in {printable(', '.join(map(str, options.compare)))}, all intervals at 95% together:")
        print(*(printable(str(change)) for change in found), sep="\n")
        if len(before) == 1:
            print("one file does not tell how processes of the same code differ: --compare several, each --to its own")
    if options.to:
        _write(speeds, frame, options.to)
    return int(bool(speeds.refused) or any(change.slower for change in found))


def _measured(options: Namespace) -> Speeds:
    """The speeds of the grid that was asked for."""
    from bench.config.sweeps.members import compose_sweep
    from bench.results.speeds import FIGURES
    from bench.study.speeds import measure, varied
    from bench.tables.speeds import baselines

    figures = options.figures.split(",")
    if wrong := [name for name in figures if name not in FIGURES]:
        raise ConfigError(f"--figures={options.figures}: {wrong[0]!r} is none of {', '.join(FIGURES)}")
    members = compose_sweep(options.overrides)
    baselines(among := varied(members), options.baseline, among)  # a wrong one is told before anything is measured
    if options.to is None:
        folder = Path(members[0].config.results_dir) / "speed"
        options.to = folder / time.strftime("%Y-%m-%d_%H-%M-%S")
    return measure(members, figures, options.clock, lambda line: print(printable(line), file=sys.stderr, flush=True))


def _write(speeds: Speeds, frame: pd.DataFrame, to: Path) -> None:
    """Write samples, table and plots, and say where they are."""
    from bench.report.speed_plots import axes_of, figure
    from bench.report.style import save
    from bench.results.files import make_folder, write_atomic, writing

    with writing(to.parent):
        make_folder(to.parent)
        write_atomic(to.with_name(f"{to.name}.json"), speeds.to_json())
        write_atomic(to.with_name(f"{to.name}.csv"), frame.to_csv(index=False))
        plots = {option: to.with_name(f"{to.name}-{option}.png") for option in axes_of(speeds)}
        for option, path in plots.items():
            save(figure(speeds, frame, option), path)
    print(printable(f"written: {to}.json, .csv{''.join(f', {path.name}' for path in plots.values())}"))
