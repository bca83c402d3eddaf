"""The roles of all options in a run's result and its tables, read from the schema."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from bench.config.role import PRESETS, Role
from bench.config.schema import Config

_PRESET = Role(None, decides=False, heads=True)

_BLOCK = Role("cell")  # its files set options of `model`

_UNKNOWN = Role("bptt")


@cache
def role_of(option: str) -> Role:
    """The role of an option by its dotted name, or else of its group; an unknown option decides the result."""
    table = all_roles()
    parts = option.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((table[name] for name in names if name in table), _UNKNOWN)


@cache
def all_roles() -> dict[str, Role]:
    """The roles in the schema, by the dotted name of the option or group."""
    return {**dict.fromkeys(PRESETS, _PRESET), "block": _BLOCK, **_roles_in(Config, "")}


def _roles_in(kind: type, prefix: str) -> dict[str, Role]:
    found: dict[str, Role] = {}
    hints, plain = get_type_hints(kind, include_extras=True), get_type_hints(kind)
    for field in fields(kind):
        name = prefix + field.name
        for mark in get_args(hints[field.name]):
            if isinstance(mark, Role):
                found[name] = mark
        if is_dataclass(group := plain[field.name]):
            found |= _roles_in(group, f"{name}.")  # type: ignore[arg-type]
    return found


def groups_of_classes() -> tuple[str, ...]:
    """The groups whose options are arguments of a class's constructor: `+KEY` and `~KEY` are allowed in them."""
    return tuple(name for name, role in all_roles().items() if role.of_class)


def decides(option: str, value: Any) -> bool:
    """Whether an option decides a run's result, at this value."""
    role = role_of(option)
    return role.decides and value not in role.neutral


def is_listed(group: str) -> bool:
    """Whether a column lists the name that was chosen in a group, where that is not the default."""
    role = role_of(group)
    return not (role.heads or role.shown_by_options)


def is_named(option: str) -> bool:
    """Whether a column of a table lists an option that was changed, as `option=value`."""
    group, _, rest = option.partition(".")
    return rest not in role_of(group).named_otherwise or not rest
