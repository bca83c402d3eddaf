"""Tune cells alike: one search, as many trials, one budget; chosen on valid, scored on new seeds.

`bench tune task=copy cell=lstm,gru trials=12` draws the options in `search=NAME`, runs as many trials of each cell and
task, and then the default options and the best trial's on seeds that no trial had. Trials go to RESULTS/tune/NAME, or
where --to says, with all tables as CSV and the tuning curves as plots; the runs at the end go to the results folder,
where tables state the number of trials (`chosen=12 trials`). A tune that is stopped or killed goes on by the same
command, to the same result.

`search.OPTION=VALUES` adds to the search or changes it: log(1e-4, 1e-2), uniform(0, 0.5), [64, 128], or null to take an
option out. Exit code 1 where a cell has no trial with a score, or a run at the end is not done.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.command.parser import Parser, number
from bench.config.catalogue import choices, entry
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    from bench.tables.tuning import Tuned

_TRIALS, _SEARCH, _SEEDS = 12, "default", 3
_MOST_SEEDS = 1_000


def arguments(parser: Parser) -> None:
    """What to tune, what to search, how to draw, and how many seeds score at the end."""
    parser.usage = "python -m bench tune task=... cell=A,B [trials=N] [search=NAME] [search.OPTION=...] [OPTION=...]"
    parser.add_argument(
        "words", nargs="*", metavar="OPTION=VALUE,...", help="options of a run, some with several values"
    )
    parser.add_argument(
        "--seeds",
        type=number(int, least=1, most=_MOST_SEEDS),
        default=_SEEDS,
        metavar="N",
        help=f"new seeds at the end ({_SEEDS})",
    )
    parser.add_argument(
        "--sampler",
        choices=("random", "tpe"),
        default="random",
        help="draw independently (random), or by earlier trials",
    )
    parser.add_argument(
        "--pruner", choices=("none", "median"), default="none", help="end trials early that are worse than most (none)"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="keep trials and tables there")
    parser.add_config_dir()
    parser.appendix = _searches


def run(options: Namespace) -> int:
    """Tune, print the tables and write the files; 1 where a cell has no score or a run at the end is not done."""
    from bench.command.progress import shown
    from bench.config.compose import compose
    from bench.config.keywords import with_results_folder
    from bench.config.search import short_hash, space
    from bench.config.sweeps.members import commands_of
    from bench.study.pace import Pace
    from bench.study.studies import Plan
    from bench.study.tune import Watch, tune
    from bench.tables.tuning import to_text

    words = _sorted([with_results_folder(word) for word in options.words])
    found = space(words.search, words.changes, options.config_dir)
    first = compose(commands_of(words.others, options.config_dir)[0], options.config_dir)
    folder = options.to or Path(first.config.results_dir) / "tune" / words.search
    plan = Plan(
        words.others, found, words.trials, options.seeds, folder, options.sampler, options.pruner, options.config_dir
    )
    pace = Pace()
    watch = Watch(lambda member: shown(True, member, pace), lambda line: print(printable(line), flush=True))
    tuned = tune(plan, watch)
    independent = options.sampler == "random"
    print(*map(printable, ["", *to_text(tuned, independent, screen_width(UNLIMITED)).splitlines(), ""]), sep="\n")
    said = ", ".join(f"{option} {values}" for option, values in found.items())
    print(printable(f"search space {short_hash(found)}: {said}"))
    _write(tuned, independent, folder)
    return int(not all(each.is_done for each in tuned))


class _Words(NamedTuple):
    """The words after the verb: the number of trials, the search and changes to it, and the options of runs."""

    trials: int
    search: str
    changes: list[tuple[str, str]]
    others: list[str]


def _sorted(given: Sequence[str]) -> _Words:
    from bench.config.words import refuse_twice

    refuse_twice(given)
    trials, search, changes, others = _TRIALS, _SEARCH, list[tuple[str, str]](), list[str]()
    for word in given:
        key, _, value = word.partition("=")
        if key == "trials":
            if not value.isdecimal() or not int(value):
                raise ConfigError(f"{word}: must be a whole number, 1 or more")
            trials = int(value)
        elif key == "search":
            search = value
        elif key.startswith("search."):
            changes.append((key.removeprefix("search."), value))
        else:
            others.append(word)
    return _Words(trials, search, changes, others)


def _searches() -> str:
    """Every search by name with its options."""
    lines = [entry(f"search={name}", 17, each.description) for name, each in choices("search").items()]
    return "\n".join(lines) + "\n"


def _write(found: Sequence[Tuned], independent: bool, folder: Path) -> None:
    """Write tables and plots, and say where they are."""
    from bench.report.style import save
    from bench.report.tuning_plots import figure
    from bench.results.files import write_atomic, writing
    from bench.tables import files
    from bench.tables.tuning import curves, to_frame, trials_of

    tables = {"tuned": to_frame(found), "trials": trials_of(found), "curves": curves(found)}
    with writing(folder, "--to"):
        for name, frame in tables.items():
            write_atomic(folder / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
        for task, rows in tables["curves"].groupby("task"):
            metric = next(each.metric for each in found if each.task == task)
            column = "expected" if independent else "so_far"
            save(figure(rows, metric, column), folder / f"{files.file_name(str(task))}.png")
    print(printable(f"trials and tables in {folder}"))
