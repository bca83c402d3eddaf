"""Errors in a command's options, in one line: messages of Hydra and OmegaConf, rewritten in terms of the command."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from bench.config import catalogue, hints, packages, synonyms, words
from bench.config.role import PRESETS
from bench.config.roles import groups_of_classes
from bench.config.schema import Config
from bench.config.tree import Tree, flatten
from bench.config.upgrade import said_today
from bench.errors import ConfigError, asked, plain, same

_TYPES = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}
_NOTHING = ("none", "off", "no", "never", "false", "nan", "nil")
_MISTYPED = 0.85  # the likeness of an option to one of another choice's that is no better answer
_MOST_NAMED = 5  # choices that have an option
_MOST_LISTED = 12  # names in a line that has a better answer


SEVERAL = ": several values are a sweep"
"""What is said of several values for one option, with a remedy that not all verbs have."""


def refuse_unknown(tree: Tree, arguments: list[str]) -> None:
    """Raise ConfigError for an option that `+KEY` added to `tree` and that the schema does not have."""
    known = flatten(asdict(Config()))
    for key in flatten(tree):
        if key not in known and key.partition(".")[0] not in groups_of_classes():
            raise ConfigError(_unknown_key(key, arguments))


def refuse_too_large(tree: Tree) -> None:
    """Raise ConfigError for a whole number that neither torch nor a table can hold."""
    for key, value in flatten(tree).items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int) and not -(2**63) <= number < 2**63:
                raise ConfigError(f"{key} has {len(str(abs(number)))} digits: whole numbers have at most 64 bits")


def explain(text: str, arguments: list[str]) -> str:
    """`text`, the error of composing `arguments`, as one line that names value, alternatives and remedy."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if found := re.match(r"Error parsing override '(.*)'", text):
        return words.malformed(found[1])
    if found := re.search(r"Could not find '((?:hydra/)?[^/']+)/([^']*)'", text):
        return _unknown_choice(found[1], found[2], _names_in(text), arguments)
    if found := re.search(r"(?:Ambiguous value for argument|Sweep parameters) '(.+?)'", text):
        is_group = found[1].partition("=")[0].lstrip("+") in catalogue.GROUPS
        return f"{found[1]}{SEVERAL}: add -m{_OR_A_LIST * (not is_group)}{words.decimal(found[1])}"
    if found := re.search(r"Config group override must be .* Got (\S+)", text):
        groups = (argument for argument in arguments if argument.partition("=")[0] in ("", *default_choices()))
        return _no_name(next(groups, found[1]))
    if found := re.search(r"Could not override '([^']+)'|Key '[^']+' is not in struct\s+full_key: (\S+)", text):
        return _unknown_key(found[1] or found[2], arguments)
    if found := re.search(
        r"[Mm]ultiple values for (\w+)\.|^(\w+) appears more than once|groups is not .*'\++(\w+)=", text
    ):
        group = found[1] or found[2] or found[3]
        return f"+{group}: every run has one {group}: write {group}=NAME, without +"
    if found := re.search(r"Either remove \+ prefix: '(.+?)'", text):
        return f"+{found[1]}: there is this option already: write {found[1]}, without +"
    if found := re.search(r"Additional config directory '(.*?)' not found", text):
        return f"--config-dir={found[1]}: there is no such folder"
    if "Could not override ''" in text:
        return "=: no option is named before the equals sign; see python -m bench --help"
    if found := re.search(r"Could not delete from config. '(\S+)' does not exist", text):
        return f"~{found[1]}: there is no such option to remove{_asked_option(found[1], arguments)}"
    if found := re.search(r"does not support sweep type : (\w+)_SWEEP", text):
        return f"{found[1].lower()}(...): it is no list of values: write those to try, as in 1,2,3 or range(3)"
    if key := next((line.removeprefix("full_key: ") for line in lines if line.startswith("full_key: ")), None):
        return _wrong_value(key, " ".join(lines), arguments)
    return " ".join(lines)


_OR_A_LIST = " (or write [a,b] for one value that is a list)"


def _names_in(text: str) -> list[str]:
    """The names of a group's choices in Hydra's error."""
    return re.findall(r"^\t(\S+)$", text.partition("Config search path")[0], re.MULTILINE)


def _unknown_choice(group: str, name: str, names: list[str], arguments: list[str]) -> str:
    if not name:
        return f"{group}=: name one of {', '.join(names)}"
    meant = hints.choice(group, name, names, packages.own_folder(arguments))
    several = len(names) > _MOST_LISTED and meant
    there_are = f"see python -m bench list {group}" if several else f"choose one of {', '.join(names)}"
    return f"{group}={name}: there is no such {group}{asked(meant)}; {there_are}"


def _no_name(argument: str) -> str:
    """The error for a group with a value that is no name."""
    group, _, value = argument.partition("=")
    if meant := hints.of_group(group, value):
        return f"{argument}: not of the form GROUP=NAME{asked(meant)}; see python -m bench list {group}"
    return f"{argument}: not of the form GROUP=NAME; see python -m bench list"


def _wrong_value(key: str, message: str, arguments: list[str]) -> str:
    given = _given(arguments).get(key, "")
    if found := re.search(r"Value '(.*?)' (?:of type '\w+' could not be converted to|is not a valid) (\w+)", message):
        value = found[1] if "," in given or not given else given  # as it was written: 1e2 is 100.0 to OmegaConf
        null = " or null" if value.casefold() in _NOTHING and _is_optional(key) else ""
        return f"{key}={value}: must be {_TYPES.get(found[2], found[2])}{null}{words.no_number(value)}"
    if options := [option for option in flatten(asdict(Config())) if option.startswith(f"{key}.")]:
        meant = hints.of_group(key, given)
        there_are = f"see python -m bench list {key}" if meant else f"set {', '.join(options)}"
        return f"{key}{f'={given}' * bool(given)}: {key} is a group of options{asked(meant)}: {there_are}"
    if "is not Optional" in message:
        return f"{key}=null: needs a value"
    return f"{key}: {message.partition(' full_key:')[0]}"


def _unknown_key(key: str, arguments: list[str]) -> str:
    """The error for an unknown option or group: names the choices that have it, or the nearest option of the chosen
    files, and all of the group."""
    if key in PRESETS:
        return f"{key}: a run has none by default: write +{key}={_given(arguments).get(key) or 'NAME'}"
    if instead := said_today(key, _given(arguments).get(key, "VALUE")):
        return f"{key}: replaced by {instead}"
    chosen, known = chosen_in(arguments), _known(arguments)
    near = same(key, known) if "." not in key else difflib.get_close_matches(key, known, cutoff=_MISTYPED)
    lacking = key in known or not (near or plain(key) in synonyms.OPTIONS)
    if lacking and (line := _of_other_choices(key, arguments)):
        return line
    meant = hints.option(key, known)
    siblings = [k for k in known if "." in key and k.startswith(key.partition(".")[0] + ".")]
    has = f"; there are {', '.join(siblings)}" if siblings else "; see python -m bench --help"
    if len(siblings) > _MOST_LISTED and meant:
        has = f"; see python -m bench list {key.partition('.')[0]}"
    custom = any(chosen[group] == "custom" for group in groups_of_classes())
    own = " (for an option of your own class write +KEY=VALUE)" if custom else ""
    return f"{key}: there is no such option{asked(meant)}{has}{own}"


def _of_other_choices(key: str, arguments: list[str]) -> str | None:
    """The error for an option that a chosen file lacks and another has: one of the same sweep, or any of the group."""
    group, own = key.partition(".")[0], packages.own_folder(arguments)
    chosen = chosen_in(arguments).get(group, "")
    lacking = [name for name in chosen.split(",") if key not in options_in(group, name, own)]
    if lacking and (having := [name for name in chosen.split(",") if name not in lacking]):
        lacks, has = (f"{group}={','.join(names)}" for names in (lacking, having))
        return f"{key}: {lacks} has no such option, only {has}: sweep over those that have it, or leave it out"
    places = [key] if "." in key else [f"{each}.{key}" for each in groups_of_classes()]
    for place in places:
        each = place.partition(".")[0]
        if "custom" in chosen_in(arguments).get(each, ""):  # a class of one's own may have it
            return None
        having = [name for name in catalogue.choices(each, own) if place in options_in(each, name, own)]
        if having:
            it = "it" if place == key else place
            chosen = chosen_in(arguments).get(each, "")
            return f"{key}: {each}={chosen} has no such option; {each}={','.join(having[:_MOST_NAMED])} has {it}"
    return None


def elsewhere(arguments: list[str], choices: Mapping[str, str]) -> list[str]:
    """The options of a sweep's command that are for other members than the one with these `choices`.

    Where `custom` is among the choices that a sweep tries, the target of its class and each option that `+` adds and no
    chosen file has are for `custom` alone.
    """
    own, found, chosen = packages.own_folder(arguments), [], chosen_in(arguments)
    for group in groups_of_classes():
        names = chosen.get(group, "").split(",")
        if len(names) > 1 and "custom" in names and choices.get(group) != "custom":
            known = {option for name in names for option in options_in(group, name, own)}
            added = (word.lstrip("+").partition("=")[0] for word in arguments if word.startswith("+"))
            own_class = (key for key in added if key.startswith(f"{group}.") and key not in known)
            found += [f"{group}.target", *own_class]
    return found


def _asked_option(key: str, arguments: list[str]) -> str:
    return asked(hints.option(key, _known(arguments)))


def _known(arguments: list[str]) -> list[str]:
    """The options and groups that a command may name: of every run and of the chosen files."""
    chosen, own = chosen_in(arguments), packages.own_folder(arguments)
    in_files = [k for group, names in chosen.items() for name in names.split(",") for k in options_in(group, name, own)]
    return sorted(({*flatten(asdict(Config())), *in_files} - {*groups_of_classes()}) | {*chosen, *PRESETS})


def _is_optional(key: str) -> bool:
    """Whether an option of every run may be null."""
    kind: Any = Config
    for part in key.split("."):
        kind = get_type_hints(kind).get(part) if is_dataclass(kind) else None
    return type(None) in get_args(kind)


def _given(arguments: list[str]) -> dict[str, str]:
    """The values in a command by option."""
    return dict(argument.lstrip("+").split("=", 1) for argument in arguments if "=" in argument)


def default_choices() -> dict[str, str]:
    """The groups that every run chooses from, and the choice where a command names none."""
    return choices_in(packages.built_in().conf / "config.yaml")


def chosen_in(arguments: list[str]) -> dict[str, str]:
    """The choice in each group, from `arguments` or the files of their presets; `a,b` in a sweep."""
    named = _given(arguments)
    files = (packages.built_in().conf / preset / f"{named.get(preset)}.yaml" for preset in PRESETS)
    through = {group: name for path in files for group, name in choices_in(path).items()}
    return {group: named.get(group, through.get(group, name)) for group, name in default_choices().items()}


def choices_in(path: Path) -> dict[str, str]:
    """The choices in a file's defaults list; none where there is no such file."""
    try:
        return dict(_choices_in(path, path.stat().st_mtime_ns))
    except FileNotFoundError:
        return {}


@cache  # each composition asks several times, and parsing the main file takes as long as a tenth of composing it
def _choices_in(path: Path, written: int) -> Mapping[str, str]:
    tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    pairs = [pair for entry in tree.get("defaults", []) if isinstance(entry, dict) for pair in entry.items()]
    return {group.removeprefix("override ").lstrip("/"): name for group, name in pairs if "hydra/" not in group}


def options_in(group: str, name: str, own: Path | None = None) -> list[str]:
    """The dotted options that the file of one choice sets."""
    found = packages.providers(group, name, own)
    if not found:
        return []
    text = (found[0].conf / group / f"{name}.yaml").read_text(encoding="utf-8")
    tree = {key: value for key, value in (yaml.safe_load(text) or {}).items() if key != "defaults"}
    names = flatten(tree if "@package _global_" in text else {group: tree})
    return [key for key in names if not key.endswith("._target_")]
