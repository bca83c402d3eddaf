"""Errors in a command's options, in one line: messages of Hydra and OmegaConf, rewritten in terms of the command."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import yaml

from bench.config import packages
from bench.config.role import PRESETS
from bench.config.roles import groups_of_classes
from bench.config.schema import Config
from bench.config.tree import Tree, flatten
from bench.config.upgrade import said_today
from bench.errors import ConfigError, did_you_mean

_TYPES = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}


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
        return f"{found[1]}: not of the form OPTION=VALUE; quote an unusual value: 'OPTION=\"a (1).txt\"'"
    if found := re.search(r"Could not find '(?:(.+)/)?([^'/]+)'", text):
        group, name = found.groups()
        names = re.findall(r"^\t(\S+)$", text.partition("Config search path")[0], re.MULTILINE)
        return f"{group}={name}: there is no such {group}{did_you_mean(name, names)}; choose one of {', '.join(names)}"
    if found := re.search(r"(?:Ambiguous value for argument|Sweep parameters) '(.+?)'", text):
        return f"{found[1]}: several values are a sweep: add -m (or write [a,b] for one value that is a list)"
    if found := re.search(r"Config group override must be .* Got (\S+)", text):
        groups = (argument for argument in arguments if argument.partition("=")[0] in ("", *default_choices()))
        return f"{next(groups, found[1])}: not of the form GROUP=NAME; see python -m bench list"
    if found := re.search(r"Could not override '([^']+)'|Key '[^']+' is not in struct\s+full_key: (\S+)", text):
        return _unknown_key(found[1] or found[2], arguments)
    if key := next((line.removeprefix("full_key: ") for line in lines if line.startswith("full_key: ")), None):
        return _wrong_value(key, " ".join(lines))
    return " ".join(lines)


def _wrong_value(key: str, message: str) -> str:
    if found := re.search(r"Value '(.*?)' (?:of type '\w+' could not be converted to|is not a valid) (\w+)", message):
        return f"{key}={found[1]}: must be {_TYPES.get(found[2], found[2])}"
    if options := [option for option in flatten(asdict(Config())) if option.startswith(f"{key}.")]:
        return f"{key} is a group of options: set {', '.join(options)}"
    if "is not Optional" in message:
        return f"{key}=null: needs a value"
    return f"{key}: {message.partition(' full_key:')[0]}"


def _unknown_key(key: str, arguments: list[str]) -> str:
    """The error for an unknown option or group: names the nearest option of the chosen files, and all of the group."""
    if key in PRESETS:
        return f"{key}: a run has none by default: write +{key}=NAME"
    given = dict(argument.lstrip("+").split("=", 1) for argument in arguments if "=" in argument)
    if instead := said_today(key, given.get(key, "VALUE")):
        return f"{key}: replaced by {instead}"
    chosen = _chosen(arguments)
    in_files = [k for group, names in chosen.items() for name in names.split(",") for k in _options_in(group, name)]
    known = sorted(({*flatten(asdict(Config())), *in_files} - {*groups_of_classes()}) | {*chosen, *PRESETS})
    siblings = [k for k in known if "." in key and k.startswith(key.partition(".")[0] + ".")]
    has = f"; there are {', '.join(siblings)}" if siblings else "; see python -m bench --help"
    custom = any(chosen[group] == "custom" for group in groups_of_classes())
    own = " (for an option of your own class write +KEY=VALUE)" if custom else ""
    return f"{key}: there is no such option{did_you_mean(key, known)}{has}{own}"


def default_choices() -> dict[str, str]:
    """The groups that every run chooses from, and the choice where a command names none."""
    return choices_in(packages.built_in().conf / "config.yaml")


def _chosen(arguments: list[str]) -> dict[str, str]:
    """The choice in each group, from `arguments` or the files of their presets; `a,b` in a sweep."""
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    files = (packages.built_in().conf / preset / f"{named.get(f'+{preset}')}.yaml" for preset in PRESETS)
    through = {group: name for path in files for group, name in choices_in(path).items()}
    return {group: named.get(group, through.get(group, name)) for group, name in default_choices().items()}


def choices_in(path: Path) -> dict[str, str]:
    """The choices in a file's defaults list; none where there is no such file."""
    tree = (yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None) or {}
    pairs = [pair for entry in tree.get("defaults", []) if isinstance(entry, dict) for pair in entry.items()]
    return {group.removeprefix("override ").lstrip("/"): name for group, name in pairs if "hydra/" not in group}


def _options_in(group: str, name: str) -> list[str]:
    """The dotted options that the file of one choice sets."""
    found = packages.providers(group, name)
    if not found:
        return []
    text = (found[0].conf / group / f"{name}.yaml").read_text(encoding="utf-8")
    tree = {key: value for key, value in (yaml.safe_load(text) or {}).items() if key != "defaults"}
    names = flatten(tree if "@package _global_" in text else {group: tree})
    return [key for key in names if not key.endswith("._target_")]
