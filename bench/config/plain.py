"""Commands so plain that they need no grammar: choices that the built-in files have, options with a simple value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.config.defaults import file_of
from bench.config.tree import Tree

_NUMBER = re.compile(r"-?(\d{1,15}|\d+\.\d*|\.\d+)([eE][-+]?\d+)?")
_TEXT = re.compile(r"[A-Za-z/.][\w./-]*", re.ASCII)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_OTHERS = {"nan", "inf", "yes", "no", "on", "off"}  # which are more than a text, in one grammar or another


def plain_words(arguments: Sequence[str], default: Mapping[str, str], conf: Path) -> tuple[dict[str, str], Tree] | None:
    """The choices and the options by dotted name that a command gives; None where a word is more than plain.

    `default` has the groups with their choices, and `conf` their files.
    """
    choices, options = dict(default), dict[str, Any]()
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)*", key):
            return None
        if key in default:
            if not re.fullmatch(r"\w+", text) or file_of(key, text, [conf]) is None:
                return None
            choices[key] = text
        elif (value := _value(text)) is _MORE:
            return None
        else:
            options[key] = value
    return choices, options


_MORE = object()


def _value(text: str) -> Any:
    """The value of a text, or _MORE."""
    if text in _WORDS:
        return _WORDS[text]
    if text.lower() in _WORDS or text.lower() in _OTHERS:
        return _MORE
    if number := _NUMBER.fullmatch(text):
        return int(text) if number[1].isdigit() and not number[2] else float(text)
    return text if _TEXT.fullmatch(text) else _MORE
