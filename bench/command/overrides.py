"""Words of the form OPTION=VALUE after a verb: declared as for a run, and checked against the verb's patterns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.command.parser import Parser
from bench.config import words
from bench.errors import ConfigError, did_you_mean


def add_overrides(parser: Parser, patterns: Iterable[str]) -> None:
    """Let a verb take any number of words of these `patterns`, such as `task=NAME` and `task.OPTION=VALUE`."""
    parser.add_argument("overrides", nargs="*", metavar="OPTION=VALUE", help=", ".join(patterns))


def refuse_others(verb: str, given: Sequence[str], patterns: Sequence[str]) -> None:
    """Raise ConfigError for the first of the `given` words that fits no pattern, and for an option that is there twice.

    The pattern `NAME.OPTION=VALUE` fits every option of NAME. A word may begin with `+`, for an option that the
    configuration does not have.
    """
    keys = [pattern.lstrip("+").partition("=")[0] for pattern in patterns]
    words.refuse_twice(given)
    for place, word in enumerate(given):
        key, equals, _ = word.partition("=")
        key = key.lstrip("+")
        if not equals and (line := words.meant([*given], place)):
            raise ConfigError(f"{verb}: {line}")
        if not equals or not any(_fits(key, known) for known in keys):
            takes = f"bench {verb} takes {', '.join(patterns)}"
            raise ConfigError(f"{word}: {takes}{did_you_mean(key, keys)}; see python -m bench {verb} --help")


def _fits(key: str, known: str) -> bool:
    group, dot, option = known.partition(".")
    return key.startswith(group + dot) if option == "OPTION" else key == known
