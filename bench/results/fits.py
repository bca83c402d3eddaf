"""Whether a JSON value has an annotated type, and is within what tables can hold."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict


def fits(hint: Any) -> Callable[[Any], bool]:
    """A function that says whether a JSON value has the annotated type; bools are no numbers, ints are also floats.

    Numbers beyond what tables can hold do not fit; NaN and infinities do, and are written as null.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: True
    if origin is UnionType:
        options = [fits(argument) for argument in arguments]
        return lambda value: any(option(value) for option in options)
    if origin is Literal:
        return lambda value: value in arguments
    if is_typeddict(hint):
        keys = {name: fits(kind) for name, kind in get_type_hints(hint).items()}
        return lambda value: (
            isinstance(value, dict)
            and hint.__required_keys__ <= value.keys() <= keys.keys()
            and all(keys[name](each) for name, each in value.items())
        )
    if origin is list:
        each = fits(arguments[0])
        return lambda value: isinstance(value, list) and all(each(item) for item in value)
    if origin is dict:
        each = fits(arguments[1])
        return lambda value: isinstance(value, dict) and all(isinstance(k, str) and each(v) for k, v in value.items())
    if hint is int:
        return lambda value: type(value) is int and -(2**63) <= value < 2**63
    if hint is float:
        most = int(sys.float_info.max)
        return lambda value: isinstance(value, float) or (type(value) is int and -most <= value <= most)
    return lambda value: isinstance(value, hint)
