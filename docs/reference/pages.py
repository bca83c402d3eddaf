"""The pages of the reference, from the schema, the comments in `conf/`, the docstrings and the annotations."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from bench.config import catalogue
from bench.config.docstrings import docstrings
from bench.config.packages import built_in
from bench.config.role import PRESETS
from bench.config.roles import role_of
from bench.config.schema import choices_in, typed_options
from bench.results import figures
from bench.results.record import Labels, Record

ROOT = Path(__file__).parents[2]
HERE = "docs/reference"
_MADE = "Made by `python -m docs.reference`, which a test holds to be current.\n"


def options() -> str:
    """Every option of a run, and those of the choices in groups other than tasks and cells."""
    described = {key: (value, comment) for key, value, comment in catalogue.options(built_in().conf / "config.yaml")}
    lines = [_row("option", "default", "type", "what it does", "column of tables"), _row(*["---"] * 5)]
    for key, hint in typed_options():
        if key in described:
            value, comment = described[key]
            column = role_of(key).column or ""
            lines.append(_row(f"`{key}`", f"`{value}`", _type(hint), comment, column))
    parts = [
        "# Options\n", _MADE, _OPTIONS, "\n".join(lines) + "\n",
        *(_group(group) for group in catalogue.GROUPS if group not in ("task", "cell")),
    ]  # fmt: skip
    return "\n".join(parts)


_OPTIONS = """\
`python -m bench OPTION=VALUE ...`; lists are written `[1,2]`, nothing as `null`. An option that differs from its
default stands in the name of the run's row, in the column named last. [How a run is
trained](../how-to/training-options.md) explains those of training; [tasks](tasks.md) and [cells](cells.md) have pages
of their own.
"""


def _group(group: str) -> str:
    """A section with the choices of a group, each with its options."""
    sign = "+" * (group in PRESETS)
    known = dict(typed_options())

    def typed(key: str) -> str:
        return f" ({_type(known[key])})" if key in known else ""

    lines = [f"## {sign}{group}=NAME\n", _row("NAME", "what it is", "its options"), _row(*["---"] * 3)]
    for name, choice in catalogue.choices(group).items():
        found = catalogue.group_options(group, choice.path)
        each = "<br>".join(f"`{key}={value}`{typed(key)} {comment}" for key, value, comment in found)
        lines.append(_row(f"`{name}`", choice.description, each))
    return "\n".join(lines) + "\n"


def choices(group: str, title: str, more: str) -> str:
    """A page with a section for each task or cell: what it is, its options, its docstrings."""
    return "\n".join([f"# {title}\n", _MADE, more, *(_choice(group, name) for name in catalogue.choices(group))])


def _choice(group: str, name: str) -> str:
    choice = catalogue.choices(group)[name]
    lines = [f"## {name}\n", f"`{group}={name}`: {choice.description}\n"]
    if found := catalogue.group_options(group, choice.path):
        lines += [_row("option", "default", "what it does"), _row(*["---"] * 3)]
        lines += [_row(f"`{key}`", f"`{value}`" if value else "", comment) for key, value, comment in found]
        lines.append("")
    target = re.search(r"^\s*(?:_target_|target):\s*([^\s#?]+)", choice.path.read_text("utf-8"), re.MULTILINE)
    for text in docstrings(target[1], choice.package.conf) if target else ():
        lines += ["```text", text, "```\n"]
    return "\n".join(lines)


def record() -> str:
    """Every field of a record, and those of the figures in it; the columns of a learning curve."""
    lines = ["# The record of a run\n", _MADE, _RECORD, _fields("record.json", Record), ""]
    for kind in (Labels, *_FIGURES):
        lines += [_fields(kind.__name__, kind), ""]
    for title, file, function in _OTHERS:
        lines += [f"## {title}\n", "```text", _docstring(ROOT / file, function), "```\n"]
    return "\n".join([*lines, _CURVE])


_RECORD = """\
`results/runs/ID/record.json`, schema 1, in the order of its fields. It is written once, and never edited; whole numbers
have at most 64 bits, and what is no finite number is null. Where a field has fields of its own, their table is below.
"""
_FIGURES = (figures.Scores, figures.Speed, figures.Summary, figures.Longest, figures.Flops, figures.Operations)
_OTHERS = (
    ("memory", "bench/measure/memory.py", "measure_memory"),
    ("work", "bench/measure/work.py", "measure_work"),
)
_CURVE = """\
## curve.csv

A row a validation.

| column | meaning |
| --- | --- |
| `step`, `sequences`, `tokens` | what has been trained on so far |
| `seconds` | time in training steps so far; validation does not count |
| `train_loss`, `clipped` | the mean loss, and the share of updates with a clipped gradient, since the row before |
| `grad_norm` | the gradient's norm before clipping, at the last update |
| `lr` | the learning rate |
| `valid_NAME` | each of the task's scores on the valid split |
"""


def _fields(title: str, kind: Any) -> str:
    """A section with a table of the fields of a class, described by the bullets in its docstring."""
    text = inspect.getdoc(kind) or ""
    said = {name: words for each in _with_bases(kind) for name, words in described(inspect.getdoc(each) or "").items()}
    lead = " ".join(re.split(r"\n\s*\n|\n- ", text)[0].split())
    lines = [f"## {title}\n", *([f"{lead}\n"] if kind is not Record and not lead.startswith("dict(") else [])]
    lines += [_row("field", "type", "meaning"), _row(*["---"] * 3)]
    lines += [_row(f"`{name}`", _type(hint), said.get(name, "")) for name, hint in get_type_hints(kind).items()]
    return "\n".join(lines)


def _with_bases(kind: Any) -> list[Any]:
    """The class after those whose fields it takes over; a TypedDict does not tell its bases."""
    others = [each for each in vars(figures).values() if hasattr(each, "__total__") and each is not kind]
    return [*(each for each in others if get_type_hints(each).items() < get_type_hints(kind).items()), kind]


def described(text: str) -> dict[str, str]:
    """The fields that the bullets of a docstring describe, as in "- `a`, `b`: what they are; `c`: and this"."""
    found: dict[str, str] = {}
    for bullet in re.findall(r"^- (.+?)(?=^- |^\S|\Z)", text, re.MULTILINE | re.DOTALL):
        whole = " ".join(bullet.split())
        for part in re.split(r"(?:; |\. )(?=`\w+`(?:, `\w+`)*:)", whole):
            names, colon, meaning = part.partition(":")
            if colon:
                found |= dict.fromkeys(re.findall(r"`(\w+)`", names), meaning.strip().rstrip(".;"))
    return found


def _docstring(path: Path, function: str) -> str:
    """The docstring of a function in a file that is not imported: it would take torch."""
    tree = ast.parse(path.read_text("utf-8"))
    (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    return ast.get_docstring(found) or ""


def _type(hint: Any) -> str:
    """An annotation in words: its range, its choices, and whether it may be null."""
    if get_origin(hint) in (UnionType, Union):
        words = [_type(each) for each in get_args(hint)]
        return (", or " if "," in words[0] else " or ").join(words)
    if hasattr(hint, "__metadata__"):
        if choices_in(hint):
            return f"one of {', '.join(choices_in(hint))}"
        return ", ".join([_type(hint.__origin__), *(word for mark in hint.__metadata__ if (word := _mark(mark)))])
    if get_origin(hint) is Literal:
        return ", ".join(map(str, get_args(hint)))
    if get_origin(hint) is not None:
        inner = _type(get_args(hint)[-1])
        return f"{'list' if get_origin(hint) is list else 'object'} of {f'({inner})' if ' or ' in inner else inner}"
    names = {
        NoneType: "null",
        bool: "true or false",
        int: "whole number",
        float: "number",
        str: "text",
        Any: "anything",
    }
    return names.get(hint) or hint.__name__


def _mark(mark: Any) -> str:
    """What a mark of an annotation asks for."""
    for kind, word, name in (
        (Ge, "{} or more", "ge"),
        (Gt, "above {}", "gt"),
        (Le, "at most {}", "le"),
        (Lt, "below {}", "lt"),
    ):
        if isinstance(mark, kind):
            return word.format(getattr(mark, name))
    return ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


PAGES = {
    "options.md": options,
    "tasks.md": lambda: choices(
        "task", "Tasks", "Each with its options and its data card. [Which data it takes](../../README.md#tasks).\n"
    ),
    "cells.md": lambda: choices(
        "cell", "Cells", "Each with its options and its equation. [All in one table](../cells.md).\n"
    ),
    "record.md": record,
}
"""The text of each file of the reference."""
