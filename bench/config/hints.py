"""What was most likely meant by the name of an option or a choice that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.config import catalogue, synonyms
from bench.config.role import PRESETS
from bench.config.roles import groups_of_classes
from bench.config.schema import Config
from bench.config.tree import Tree, flatten
from bench.errors import nearest, plain, same

_MOST = 4  # alternatives in a question


def options_of_every_run() -> Tree:
    """The options that every run has, with their defaults; of the groups of classes, those that most choices have."""
    return flatten(asdict(Config())) | {"optimizer.lr": None, "optimizer.weight_decay": None, "schedule.warmup": None}


def option(name: str, known: Iterable[str]) -> list[str]:
    """The options that may be meant by `name`: of the `known` ones, or by another name of the field for one."""
    known = [*known]
    own = same(name, known)
    if len(own) == 1:
        return own
    synonym = synonyms.OPTIONS.get(plain(name.rpartition(".")[2]))
    return [synonym] if synonym else own[:_MOST] or nearest(name, known)


def is_option(name: str) -> bool:
    """Whether a name is that of an option or a group, in any case, in part, or in the field's words."""
    return bool(same(name, [*options_of_every_run(), *catalogue.GROUPS])) or plain(name) in synonyms.OPTIONS


def choice(group: str, name: str, names: Sequence[str], own: Path | None = None) -> list[str]:
    """The choices that may be meant by `name`, which is none of the `names` of its group.

    Those of another group are written `GROUP=NAME`.
    """
    if found := same(name, names):
        return found
    if synonym := synonyms.CHOICES.get(group, {}).get(plain(name)):
        return [f"{group}={synonym}" if "=" in synonym else synonym]
    if group in groups_of_classes() and ".py" in name:
        return [f"{group}=custom {group}.target={name}"]
    return choices_called(name, own) or nearest(name, names) or choices_beginning(name, own)


def in_any_group(name: str) -> list[str]:
    """The choices that the field calls `name`, as a command has them."""
    found = ((group, texts[plain(name)]) for group, texts in synonyms.CHOICES.items() if plain(name) in texts)
    return [f"{group}={text}" for group, text in found][:_MOST]


def choices_called(name: str, own: Path | None = None) -> list[str]:
    """The choices of this name in all groups, as a command has them."""
    return [text for text, each in _every_choice(own) if each == plain(name)][:_MOST]


def choices_beginning(name: str, own: Path | None = None) -> list[str]:
    """The choices whose names begin with `name`, which has three letters at least."""
    return [text for text, each in _every_choice(own) if len(name) > 2 and each.startswith(plain(name))][:_MOST]


def _every_choice(own: Path | None) -> Iterator[tuple[str, str]]:
    """Each choice as a command has it, and its plain name; none of `tuned`, which have the names of cells."""
    for group in catalogue.GROUPS:
        for name in catalogue.choices(group, own) if group != "tuned" else ():
            yield f"{'+' * (group in PRESETS)}{group}={name}", plain(name)


def of_group(group: str, value: str) -> list[str]:
    """What may be meant by a value that was given to a whole group: a number is that of one of its options."""
    if re.fullmatch(r"[\d.]+(e[+-]?\d+)?", value):
        return [synonyms.NUMBERS[group].format(value)] if group in synonyms.NUMBERS else []
    return choices_called(value)


def with_value(text: str, value: str | None) -> str:
    """What to write for an option that `option` has found, with the value that was given."""
    name, comma, more = text.partition(",")
    if value is not None and (given := of_group(name, value)):
        name = given[0]
    elif name.endswith(("=NAME", "=PATH")) and value is not None:
        name = f"{name.partition('=')[0]}={value}"
    elif "=" not in name:
        example = "true" if isinstance(options_of_every_run().get(name), bool) else "VALUE"
        name = f"{name}={example if value is None else value}"
    return f"{name}{comma}{more}"
