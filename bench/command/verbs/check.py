"""Check that a cell or a task obeys the laws of all; or check several, in a table.

`model.hidden=N` sets the hidden size at which a cell is checked (8), and `init.*` its initial weights.
Exit code 0: every law holds, or fails as the cell or task expects; 1: a verdict is unexpected; 2: a wrong command.
"""

from __future__ import annotations

import textwrap
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.overrides import add_overrides, refuse_others
from bench.command.parser import Parser
from bench.config.catalogue import choices, entry
from bench.errors import BenchError, ConfigError
from bench.printable import UNLIMITED, printable, screen_width

if TYPE_CHECKING:
    from bench.job.checked import Checked

_PATTERNS = {
    "cell": ("cell=NAME", "cell.OPTION=VALUE", "init=NAME", "init.OPTION=VALUE", "model.hidden=N"),
    "task": ("task=NAME", "task.OPTION=VALUE"),
}
_COLUMNS = {
    "cell": {
        "parameters": 11,
        **{"FLOPs forward": 17, "FLOPs backward": 18, "FLOPs streaming": 22},
        **{"unroll": 17, "receptive field": 15, "equation": 47, "block": 11, "start": 43, "laws": 8},
    },
    "task": {"metric": 24, "chance": 8, "laws": 8},
}
"""The columns of a group's table after the first, with their widths."""
_NOTES = """\
Parameters and FLOPs of a token at input size {} and hidden size {}. FLOPs: those of products of matrices and, behind
the plus, those element by element. block: the preset of the block in which the cell is published (block=NAME). start:
how its weights start by default: as published, and where the paper is silent as in torch.nn; as in torch.nn; or own,
with init=published as released."""


def arguments(parser: Parser) -> None:
    """One name with its options, several names, or all."""
    parser.usage = """\
python -m bench check cell=NAME [cell.OPTION=...]   all laws, a line each
       python -m bench check cell=custom cell.target=F.py:C [+cell.OPTION=...]
       python -m bench check [cell=all | cell=A,B]         a table of all
       python -m bench check task=...                      the same for tasks"""
    add_overrides(parser, [*_PATTERNS["cell"], *_PATTERNS["task"]])
    parser.add_argument(
        "--audit",
        action="store_true",
        help="train on a task, too: labels shuffled, time out of order; is test in train?",
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_config_dir()
    parser.appendix = _statements


def run(options: Namespace) -> int:
    """Check and print the verdicts; 1 where one is unexpected, else 0.

    Raises ConfigError in one line for a wrong command, as a run does.
    """
    group, names, overrides = _subjects(options.overrides, options.config_dir)

    if options.audit and group != "task":
        raise ConfigError("check: --audit is for tasks: write task=NAME --audit")
    import torch

    torch.set_num_threads(1)  # as a run does; for tensors this small more are slower
    if len(names) > 1:
        return _print_table(group, names, overrides, options)
    checked = _check(group, names[0], overrides, options)
    _print_verdicts(checked)
    return int(not checked.ok)


def _statements() -> str:
    """Every law by name with its statement."""
    from bench.checks import cells, tasks

    statements = {law.name: law.statement for law in cells.LAWS} | {law.name: law.statement for law in tasks.LAWS}
    lines = (f"{name}: {' '.join(statement.split())}" for name, statement in statements.items())
    return "\n".join(textwrap.fill(line, screen_width(), subsequent_indent="  ") for line in lines) + "\n"


def _subjects(words: Sequence[str], own: Path | None) -> tuple[str, list[str], list[str]]:
    """The group to check, the names in it, and the options of each."""
    given = {word.lstrip("+").partition("=")[0].partition(".")[0] for word in words}
    group = next((name for name in _PATTERNS if name in given), "cell")
    refuse_others("check", words, _PATTERNS[group])
    chosen = [word for word in words if word.startswith(f"{group}=")]
    options = [word for word in words if word not in chosen]
    names = chosen[-1].partition("=")[2] if chosen else "all"
    if names == "all":
        known = choices(group, own).items()
        built_in = (name for name, choice in known if choice.package.name == "bench" or choice.package.conf == own)
        return group, [name for name in built_in if name != "custom"], options
    return group, names.split(","), options


def _check(group: str, name: str, overrides: Sequence[str], options: Namespace) -> Checked:
    """Compose the options as a run does, and check the cell or task of this name."""
    from bench.config.compose import compose
    from bench.job.checked import checked_cell, checked_task

    composed = compose([f"{group}={name}", *overrides], options.config_dir)
    if group == "task":
        return checked_task(composed, options.audit)
    return checked_cell(composed, sized=any(option.startswith("model.hidden=") for option in overrides))


def _print_verdicts(checked: Checked) -> None:
    print(printable(checked.name))
    for verdict in checked.verdicts:
        print(printable(f"  {verdict.outcome:<21}{verdict.law}{': ' * bool(verdict.message)}{verdict.message}"))
    if (field := checked.facts.get("receptive field", "all")) != "all":
        print(f"receptive field: {field} inputs")
    print(f"laws that hold: {checked.count}")


def _print_table(group: str, names: Sequence[str], overrides: Sequence[str], options: Namespace) -> int:
    """Print a row as soon as a name is checked, then the failures. A name that cannot be composed fails alone."""
    from bench.checks import Verdict
    from bench.job.checked import SIZES, Checked

    widths = {group: max(map(len, names)), **_COLUMNS[group]}
    start, between, end = ("| ", " | ", " |") if options.markdown else ("", "  ", "")

    narrow = not options.markdown and sum(widths.values()) + 2 * len(widths) > screen_width(UNLIMITED)

    def print_row(texts: Mapping[str, str]) -> None:
        if narrow:
            facts = ", ".join(f"{column} {texts[column]}" for column in widths if column != group and column in texts)
            print(entry(texts[group], widths[group] + 2, printable(facts)), flush=True)
            return
        line = between.join(texts.get(column, "-").ljust(width) for column, width in widths.items())
        print(printable(start + line + end).rstrip(), flush=True)

    if not narrow:
        print_row({column: column for column in widths})
    if options.markdown:
        print_row({column: "-" * width for column, width in widths.items()})
    wrong = []
    for name in names:
        try:
            checked = _check(group, name, overrides, options)
        except BenchError as error:
            checked = Checked(name, [Verdict("it can be built", "failed", str(error))])
        print_row({group: name, **checked.facts, "laws": checked.count})
        wrong += [f"{name}: {verdict}" for verdict in checked.verdicts if not verdict.ok]
    if group == "cell":
        print("", *textwrap.wrap(_NOTES.format(*SIZES), screen_width()), sep="\n")
    for line in wrong:
        print(f"\n{printable(line)}")
    return int(bool(wrong))
