"""Trees of options in plain types: flattened by dotted name and nested again, and validation errors in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bench.errors import ConfigError

Tree = dict[str, Any]


def require_all(tree: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first option that has no default and no value."""
    for key, value in flatten(tree).items():
        if value == "???":
            raise ConfigError(f"{key} is not set, and has no default: add {key}=VALUE (see python -m bench list)")


def flatten(tree: Any, prefix: str = "") -> Tree:
    """A tree of options by dotted name; lists are values."""
    if not isinstance(tree, dict) or not tree:
        return {prefix: tree}
    return {
        k: v for key, value in tree.items() for k, v in flatten(value, f"{prefix}.{key}" if prefix else key).items()
    }


def written(value: object) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def nest(options: Mapping[str, Any]) -> Tree:
    """Options by dotted name as a tree: the inverse of `flatten`."""
    tree: Tree = {}
    for key, value in options.items():
        *groups, name = key.split(".")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return tree


def describe(error: ValidationError, prefix: str = "") -> str:
    """A validation error's first finding as one line: `model.hidden=0: input should be ...`."""
    first = error.errors()[0]
    where = ".".join([prefix, *map(str, first["loc"])] if prefix else map(str, first["loc"]))
    message = (
        "must be true or false" if first["type"].startswith("bool") else first["msg"].removeprefix("Value error, ")
    )
    return f"{where}={first['input']}: {message[0].lower()}{message[1:]}"
