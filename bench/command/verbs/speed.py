"""Measure speed alone, over a grid of configurations, and put all members beside a baseline.

`bench speed cell=lstm,gru model.hidden=64,256` trains nothing and writes no record. All members are built and compared
with their loop of steps, then sampled in turn, in an order drawn anew each round: what slows the machine slows all of
them. The table, all samples and a plot for each option with several numbers go to RESULTS/speed, or where --to says.

`--compare` says what became slower, and the exit code is 1 where anything did: than by the code of a commit, whose
processes take turns with those of the code here, or than in files of earlier calls. Several files of the same code tell
by how much processes differ that run it; where a figure is marked, here or there, a file tells nothing.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser, number
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    from bench.results.speeds import Figure, Speeds


_DEFAULTS = {"figures": "train,infer,step", "clock": "wall", "margin": 0.02, "launches": 20}


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
        "--figures", metavar="F,...", help=f"what to time, of {', '.join(FIGURES)} ({_DEFAULTS['figures']})"
    )
    parser.add_argument("--clock", choices=("wall", "cpu"), help="wall or processor time (wall)")
    parser.add_argument(
        "--compare",
        action="append",
        default=[],
        metavar="COMMIT|FILE",
        help="a commit, or a folder with its files: what became slower since? or a file of an earlier call, may be "
        "repeated",
    )
    parser.add_argument(
        "--launches",
        type=number(int, least=5),
        metavar="N",
        help="at most so many launches of both codes, until all ratios are known to within the margin (20)",
    )
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file of a further call of the code that is shown, for --compare, may be repeated",
    )
    parser.add_argument("--margin", type=number(least=0), metavar="SHARE", help="what is still no change (0.02)")
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
    """Measure or read, write the files, print the table; 1 where something became slower or a member was refused."""
    from bench.results.speeds import Speeds
    from bench.tables.comparable import refuse, refuse_twice

    code = _code(options)
    _refuse_unused(options)
    for name, value in _DEFAULTS.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if code is not None:
        return _in_turn(options, code)
    shown, before, beside = (
        [(str(path), Speeds.read(Path(path))) for path in paths]
        for paths in (filter(None, [options.source]), options.compare, options.beside)
    )
    refuse_twice([*shown, *before, *beside])
    others = dict([*before, *beside])
    if shown:
        speeds = shown[0][1]
        refuse(speeds, speeds.figures, others, options.other_machine)
    else:
        speeds = _measured(options, others)
    _show(speeds, options)
    return int(_compared(speeds, dict(before), dict(beside), options) or bool(speeds.refused))


def _code(options: Namespace) -> str | None:
    """The commit, or the folder, whose code is to be measured in turn; None where files are compared, or nothing."""
    from bench.study.commits import commit_of

    codes = [word for word in options.compare if Path(word).is_dir() or not Path(word).exists()]
    for word in codes:
        if not Path(word).is_dir() and commit_of(word) is None:
            raise ConfigError(f"--compare={word} is neither a file or folder nor a commit of this checkout")
        others = [*options.compare, *options.beside, *filter(None, [options.source])]
        others += ["--other-machine"] * options.other_machine
        if len(others) > 1:
            raise ConfigError(f"--compare={word} is measured in turn with the code here: leave out {others[-1]}")
    if options.launches is not None and not codes:
        raise ConfigError(f"--launches={options.launches} is for two codes: name one by --compare=COMMIT")
    return codes[0] if codes else None


def _refuse_unused(options: Namespace) -> None:
    """Raise ConfigError for what was given and has nothing to work on."""
    measuring = [f"--{name}={given}" for name in ("figures", "clock") if (given := getattr(options, name)) is not None]
    if options.source is not None and (unused := [*options.overrides, *measuring]):
        raise ConfigError(f"speed: --from={options.source} measures nothing: leave out {unused[0]}")
    comparing = [f"--beside={path}" for path in options.beside] + ["--other-machine"] * options.other_machine
    comparing += [f"--margin={options.margin:g}"] if options.margin is not None else []
    if comparing and not options.compare:
        raise ConfigError(f"{comparing[0]} is for a comparison: say with what by --compare")


def _in_turn(options: Namespace, code: str) -> int:
    """Measure the code here and another one in turn, show the first, and what changed."""
    from bench.report.speed_files import keep, try_out
    from bench.study.codes import measure_in_turn
    from bench.study.commits import folder_of
    from bench.tables.comparable import refuse_other_options
    from bench.tables.speed_changes import changes_in_turn

    figures = _figures(options)

    def ready(here: Speeds, there: Speeds) -> None:
        refuse_other_options(here, code, there)
        try_out(options.to.parent)

    def enough(here: Speeds, there: Speeds) -> bool:
        return all(change.known for change in changes_in_turn(here, there, options.margin))

    with folder_of(code) as folder:
        how = figures, options.clock, options.launches
        here, there = measure_in_turn(options.overrides, folder, code, *how, _say, ready, enough)
    _show(here, options)
    keep(there, options.to.with_name(f"{options.to.name}-before"))
    found = changes_in_turn(here, there, options.margin)
    made = len(next(figure["launches"] for member in here.members for figure in member.figures.values()))
    print(f"\ntime / time by {printable(code)}, in turn in {made} launches of both, all intervals at 95% together:")
    print(*(printable(str(change)) for change in found), sep="\n")
    for name in (each for each in there.refused if each not in here.refused):
        print(printable(f"not compared: {name}: {there.refused[name]}"))
    return int(any(change.slower for change in found) or bool(here.refused))


def _show(speeds: Speeds, options: Namespace) -> None:
    """Print the table and what is not in it, and write the files that were asked for."""
    from bench.report.speed_files import write
    from bench.tables.speeds import to_frame, to_text

    frame = to_frame(speeds, options.baseline)
    print(*map(printable, to_text(speeds, frame, screen_width(UNLIMITED)).splitlines()), sep="\n")
    for name, reason in (*speeds.refused.items(), *_lacking(speeds, options.figures.split(","))):
        print(printable(f"not measured: {name}: {reason}"))
    if options.to:
        print(printable(f"written: {options.to}{', '.join(write(speeds, frame, options.to))}"))


def _lacking(speeds: Speeds, figures: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The members that have not all figures, each with which and why."""
    for member in speeds.members:
        for reason in dict.fromkeys(member.lacks[name] for name in figures if name in member.lacks):
            lacks = [name for name in figures if member.lacks.get(name) == reason]
            yield member.name, f"{', '.join(lacks)}: {reason}"


def _figures(options: Namespace) -> list[Figure]:
    """The figures of the grid that was asked for; what cannot be measured is told, and `options.to` has a path."""
    from bench.config.sweeps.members import compose_sweep
    from bench.results.speeds import FIGURES
    from bench.study.speeds import varied
    from bench.tables.speeds import baselines

    figures = [*dict.fromkeys(options.figures.split(","))]
    if wrong := [name for name in figures if name not in FIGURES]:
        raise ConfigError(f"--figures={options.figures}: {wrong[0]!r} is none of {', '.join(FIGURES)}")
    members = compose_sweep(options.overrides)
    baselines(among := varied(members), options.baseline, among)
    if options.to is None:
        folder = Path(members[0].config.results_dir) / "speed"
        options.to = folder / time.strftime("%Y-%m-%d_%H-%M-%S")
    return figures


def _measured(options: Namespace, others: Mapping[str, Speeds]) -> Speeds:
    """The speeds of the grid that was asked for, its samples written; what cannot be is told before any is taken."""
    from bench.config.sweeps.members import compose_sweep
    from bench.report.speed_files import keep, try_out
    from bench.study.speeds import measure
    from bench.tables.comparable import refuse, refuse_clock

    for name, each in others.items():
        refuse_clock(options.clock, name, each)
    figures = _figures(options)

    def ready(grid: Speeds) -> None:
        refuse(grid, figures, others, options.other_machine)
        try_out(options.to.parent)

    speeds = measure(compose_sweep(options.overrides), figures, options.clock, _say, ready)
    keep(speeds, options.to)
    return speeds


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def _compared(speeds: Speeds, before: Mapping[str, Speeds], beside: Mapping[str, Speeds], options: Namespace) -> bool:
    """Print what changed since the grids before; whether anything became slower."""
    from bench.tables.comparable import unsaid
    from bench.tables.speed_changes import changes, slowed

    if not before:
        return False
    found = changes(speeds, before, options.margin, options.other_machine, beside)
    print(f"\ntime / time in {printable(', '.join(before))}, all intervals at 95% together:")
    print(*(printable(str(change)) for change in found), sep="\n")
    for line in (*unsaid(speeds, {**before, **beside}), *slowed(found)):
        print(printable(line))
    if doubtful := sum(bool(change.doubts) for change in found):
        print(
            f"{doubtful} of {len(found)} prove nothing: measure what is marked again on a quiet machine, or with "
            "measure.retry=60"
        )
    if len(before) == 1:
        print("one file does not tell how processes of the same code differ: --compare several, each --to its own")
    return any(change.slower for change in found)
