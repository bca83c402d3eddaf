"""Say whether B is better than A: two cells, options, results folders or commits, with what differs.

Each of A and B is a column of stored runs with its value (cell=lstm; several in quotes, "cell=lstm bptt=full") or a
results folder; words after them narrow both: task=copy seed=0,1,2. Or both are commits of this checkout: the words
after them are then the options of a sweep that is run with the code of each, as far as it is not done. Runs are
compared within a task and a budget, by seed where both have the same seeds. With --until, words are options of a run:
seeds 0, 1, 2, ... of both are run until it is told, by a test that holds at any look. Exit code 1 where B is worse.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.command.parser import Parser, number
from bench.command.verbs.runs import column_filter
from bench.errors import ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    from bench.study.until import Source
    from bench.tables.sides import Side


def arguments(parser: Parser) -> None:
    """The two sides, what narrows both, the level and the form."""
    parser.add_argument("a", metavar="A", help="a side: COLUMN=VALUE, a results folder, or a commit")
    parser.add_argument("b", metavar="B", help="the other side")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="COLUMN=VALUE",
        help="which runs of both, as task=copy seed=0,1,2; for commits, what to run",
    )
    parser.add_argument("--level", type=number(least=0.5, below=1), metavar="SHARE", help="of confidence (0.95)")
    parser.add_argument("--until", metavar="p=P", help="run further seeds of both until this is told, as p=0.01")
    parser.add_argument("--max-seeds", type=number(int, least=2), metavar="N", help="the most seeds of --until (30)")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print the comparison; 1 where B is worse."""
    if options.until:
        return _until(options)
    if options.max_seeds is not None:
        raise ConfigError(f"compare: --max-seeds={options.max_seeds} is the most seeds of --until: add --until=p=0.01")
    level = 0.95 if options.level is None else options.level

    from bench.tables.comparison_text import to_text, to_tree
    from bench.tables.comparisons import compare_sides

    found = compare_sides(*_sides(options), level)
    if options.json:
        print(json.dumps(to_tree(found), indent=1))
    else:
        print(to_text(found, screen_width(UNLIMITED)))
    if not found.found and not found.lost:
        raise ConfigError(f"compare: nothing to compare: {found.left[0]}")
    return int(found.worse)


def _until(options: Namespace) -> int:
    """Run seeds of both sides until it is told, and print what was; 1 where B is worse."""
    from bench.study.until import until

    name, _, value = options.until.partition("=")
    p = float(value) if re.fullmatch(r"\d*\.?\d+(e-?\d+)?", value) else 1.0
    if name != "p" or not 0 < p < 0.5:
        raise ConfigError(f"compare: --until={options.until}: write p=P with P between 0 and 0.5, as p=0.01")
    if options.level is not None:
        raise ConfigError("compare: --until has its own level, 1 - P: leave out --level")
    most = 30 if options.max_seeds is None else options.max_seeds
    a, b = _sources(options)
    told = until(a, b, range(most), p, _say)
    text = told.to_text(a.name, b.name, p, screen_width(UNLIMITED))
    print(json.dumps(told.to_tree(), indent=1) if options.json else text)
    return int(told.verdict == "worse")


def _sources(options: Namespace) -> tuple[Source, Source]:
    """Both sides as what runs a seed of each."""
    if given := next((word for word in options.words if word.startswith("seed=")), None):
        raise ConfigError(f"compare: --until runs seeds 0, 1, 2, ...: leave out {given}")
    commits = _commits(options)
    texts = (options.a, options.b)
    a, b = (_source(text, commit, options) for text, commit in zip(texts, commits, strict=True))
    return a, b


def _source(text: str, commit: str | None, options: Namespace) -> Source:
    from bench.command.progress import shown
    from bench.config.explain import SEVERAL
    from bench.study.until import of_commit, of_options

    if commit is not None:
        return of_commit(f"commit {text}", commit, options.words, _results_at(commit, options))
    if "=" not in text:
        raise ConfigError(f"compare: {text}: --until runs seeds of options or commits, not those of a folder")
    words = [*text.split(), *options.words]
    try:
        return of_options(text, words, options.results_dir, lambda: shown(sys.stderr.isatty()))
    except ConfigError as error:
        several, found, _ = str(error).partition(SEVERAL)
        if not found:
            raise
        raise ConfigError(
            f"compare: {several}: --until tells one run of each side a seed: give one value, and a command for each"
        ) from None


def _results_at(commit: str, options: Namespace) -> Path:
    return Path(options.results_dir) / "commits" / commit[:12]


def _sides(options: Namespace) -> tuple[Side, Side]:
    """Both sides: of commits, after what they lack was run."""
    commits = _commits(options)
    if commits[0] is None:
        say = _each_once()
        return _side(options.a, options, say), _side(options.b, options, say)
    texts = (options.a, options.b)
    a, b = (_of_commit(text, str(commit), options) for text, commit in zip(texts, commits, strict=True))
    return a, b


def _commits(options: Namespace) -> list[str | None]:
    """The commits that both sides name; None for both where they are of stored runs or options."""
    from bench.study.commits import commit_of

    texts = (options.a, options.b)
    commits = [None if _is_stored(text) else commit_of(text) for text in texts]
    for text, commit in zip(texts, commits, strict=True):
        if commit is None and not _is_stored(text):
            there = "COLUMN=VALUE, a results folder (which has a folder runs), or a commit of this checkout"
            raise ConfigError(f"compare: {text} is none of these: {there}")
    if (commits[0] is None) != (commits[1] is None):
        raise ConfigError(f"compare: {' and '.join(texts)}: a commit is compared with a commit, which are both run")
    return commits


def _is_stored(text: str) -> bool:
    """Whether a side is one of stored runs."""
    return "=" in text or (Path(text) / "runs").is_dir()


def _of_commit(text: str, commit: str, options: Namespace) -> Side:
    from bench.study.commits import run_at
    from bench.tables.runs import read
    from bench.tables.sides import Side
    from bench.tables.tabulate import select

    name = text if commit.startswith(text) else f"{text} ({commit[:12]})"
    results = _results_at(commit, options)
    ids = run_at(commit, options.words, results, lambda line: _say(f"{name} {line}"))
    return Side(f"commit {name}", results, select(read(results, _say), ids))


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def _each_once() -> Callable[[str], None]:
    """What says each line once, though both sides are of one folder."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            _say(line)

    return say


def _side(text: str, options: Namespace, say: Callable[[str], None]) -> Side:
    """A side of stored runs."""
    from bench.tables.sides import side

    shared = _filters(options.words)
    if "=" not in text:
        return side(text, Path(text), shared, (), say)
    own = _filters(_apart(text))
    if twice := own.keys() & shared.keys():
        raise ConfigError(f"compare: {twice.pop()} is given for one side and for both: give it once")
    if "task" in own:
        raise ConfigError(f"compare: {text}: scores of two tasks are not compared: give task=... once, after A and B")
    return side(text, Path(options.results_dir), own | shared, own, say)


def _apart(text: str) -> list[str]:
    """The words of a side, each of which begins with a column: values may have spaces."""
    from bench.tables.runs import COLUMNS

    return re.split(rf" +(?=(?:{'|'.join(COLUMNS)})=)", text.strip())


def _filters(words: list[str]) -> dict[str, list[Any]]:
    """The wanted values of each column."""
    found: dict[str, list[Any]] = {}
    for word in words:
        column, values = column_filter("compare", word)
        if column in found:
            raise ConfigError(f"compare: {column} is given twice: give it once, with commas between its values")
        found[column] = values
    return found
