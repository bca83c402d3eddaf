"""What the last word of a command that is being typed may become: verbs, flags, options, choices, runs."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.command.parser import Parser
from bench.command.registry import every_verb
from bench.config import catalogue, hints
from bench.config.role import PRESETS
from bench.config.schema import choices_in, typed_options

_FLAGS = ("--help", "--version", "--multirun", "--shard", "--config-dir", "--cfg")


def completions(words: Sequence[str]) -> list[str]:
    """What the last of the `words` after `bench` may become, whole, in alphabetical order.

    What ends in `=` wants a value; in a sweep, the last of several values is completed.
    """
    *before, word = words or [""]
    found = _of_verb(before, word) if before and before[0] in every_verb() else _of_run(before, word)
    return sorted({each for each in found if each.startswith(word)})


def _of_run(before: Sequence[str], word: str) -> Iterator[str]:
    if word.startswith("-"):
        yield from _FLAGS
        return
    if before and before[-1] == "--shard":  # what it is follows, and is the user's to say
        return
    if not before:
        yield from every_verb()
    yield from _options(before, word)


def _of_verb(before: Sequence[str], word: str) -> Iterator[str]:
    """The verb's flags, or what the argument at this place may be."""
    verb = every_verb()[before[0]]
    parser = Parser(verb.name, "")
    importlib.import_module(verb.module).arguments(parser)
    if word.startswith("-"):
        yield from (flag for action in parser._actions for flag in action.option_strings if flag.startswith("--"))
    elif places := [action for action in parser._actions if not action.option_strings]:
        typed = sum(not each.startswith("-") for each in before[1:])
        yield from _positional(places[min(typed, len(places) - 1)], before, word)


def _positional(action: argparse.Action, before: Sequence[str], word: str) -> Iterator[str]:
    if action.choices is not None:
        yield from map(str, action.choices)
    elif action.dest == "overrides":
        yield from _options(before, word)
    elif action.dest == "name" and before[0] == "list":
        yield from (*catalogue.GROUPS, *(name for group in catalogue.GROUPS for name in catalogue.choices(group)))
    elif action.dest in ("run", "runs", "words"):
        yield from (path.name for path in Path("results", "runs").glob("[!.]*"))


def _options(before: Sequence[str], word: str) -> Iterator[str]:
    """Options and groups with `=`, or the values of the one that has been typed."""
    name, equals, typed = word.partition("=")
    if equals:
        done, comma, _ = typed.rpartition(",")
        yield from (f"{name}={done}{comma}{value}" for value in _values(name.lstrip("+")))
        return
    chosen = dict(each.lstrip("+").split("=", 1) for each in before if "=" in each)
    yield from (f"{'+' * (group in PRESETS)}{group}=" for group in catalogue.GROUPS)
    yield from (f"{option}=" for option in (*hints.options_of_every_run(), *_own_options(chosen.items())))


def _own_options(chosen: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The options of the tasks, cells and other choices that the command has already."""
    for group, names in chosen:
        if group in catalogue.GROUPS:
            known = catalogue.choices(group)
            for choice in (known[name] for name in names.split(",") if name in known):
                yield from (key for key, _, _ in catalogue.group_options(group, choice.path))


def _values(name: str) -> Iterable[str]:
    """The values that an option may have, where they are few: names of a group, words, truth values."""
    if name in catalogue.GROUPS:
        return catalogue.choices(name)
    known = dict(typed_options()).get(name)
    return ("true", "false") if known is bool else choices_in(known)
