"""The options and choices of a run that differ from the defaults."""

from __future__ import annotations

from collections.abc import Mapping

from bench.config.explain import default_choices
from bench.config.roles import is_listed, role_of
from bench.config.tree import Tree, flatten


def changed_from(defaults: Tree, tree: Tree, choices: Mapping[str, str]) -> Tree:
    """The choices and options that differ from the defaults, by dotted name.

    Left out are choices that a table shows in another way, options that every run states (seed, hardware, folders), and
    values that have no influence on the result.
    """
    default = default_choices()
    others = {k: name for k, name in choices.items() if default.get(k) != name and is_listed(k)}
    differing = {key: value for key, value in flatten(tree).items() if key not in defaults or defaults[key] != value}
    kept = {k: v for k, v in differing.items() if not role_of(k).stated and v not in role_of(k).neutral}
    return others | kept
