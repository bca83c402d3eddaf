"""Options that the labels of several rows share, which a table then says once."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LABEL = re.compile(r"([^(]*)\((.*)\)([^()]*)")  # name(options)mark
_BETWEEN = re.compile(r", (?![^\[\]]*\])")  # not within a list of values


def without_shared(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """The labels without the options that all of them have, and these options; nothing is shared by a single row."""
    each = [parsed(label) for label in labels]
    if len(labels) < 2 or not all(options for _, options, _ in each):
        return [*labels], []
    first = each[0][1]
    shared = [option for option in first if "=" in option and all(option in options for _, options, _ in each)]
    return [_label(name, [o for o in options if o not in shared], mark) for name, options, mark in each], shared


def parsed(label: str) -> tuple[str, list[str], str]:
    """A label's name, its options and its mark."""
    found = _LABEL.fullmatch(label)
    return (found[1], _BETWEEN.split(found[2]), found[3]) if found else (label, [], "")


def _label(name: str, options: Sequence[str], mark: str) -> str:
    return f"{name}({', '.join(options)}){mark}" if options else f"{name}{mark}"
