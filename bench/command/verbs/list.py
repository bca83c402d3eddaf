"""Show tasks, cells and other choices: all by name, a line for each of a group, or one thing whole.

`list lstm` shows a choice with its options and what it computes; `list cell=gru` one of several groups; `list model`
and `list model.hidden` options of every run.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.command.parser import Parser
from bench.config import catalogue
from bench.errors import ConfigError, asked, same


def arguments(parser: Parser) -> None:
    """A group, a choice or an option, or none."""
    parser.add_argument(
        "name", nargs="?", help=f"a choice, an option, or a group, one of {', '.join(catalogue.GROUPS)}"
    )
    parser.add_config_dir()


def run(options: Namespace) -> int:
    """Print all names, or whatever has the name."""
    if options.name is None:
        print(catalogue.overview(options.config_dir))
        return 0
    found = [*_called(options.name, options.config_dir)]
    if not found:
        from bench.config import hints

        group, _, name = options.name.lstrip("+").rpartition("=")
        names = [*catalogue.GROUPS, *_names(group, options.config_dir), *hints.options_of_every_run()]
        meant = hints.in_any_group(name) if not group else hints.choice(group, name, names, options.config_dir)
        meant = meant or hints.option(name, names)
        there_is = f"there is no such group, choice or option{asked(meant)}"
        raise ConfigError(f"list {options.name}: {there_is}; see python -m bench list")
    print("\n\n".join(found))
    return 0


def _called(word: str, own: Path | None) -> Iterator[str]:
    """The texts of all that `word` may name, but for its case: a group, else choices, else options."""
    group, equals, name = word.lstrip("+").rpartition("=")
    if equals and not name:
        group, equals, name = "", "", group
    if not equals and (groups := _same(name, catalogue.GROUPS) or _same(name.removesuffix("s"), catalogue.GROUPS)):
        yield catalogue.of_group(groups[0], own)
        return
    places = catalogue.GROUPS if not equals else _same(group, catalogue.GROUPS)
    chosen = [(place, each) for place in places for each in _same(name, catalogue.choices(place, own))]
    yield from (catalogue.of_choice(place, each, own) for place, each in chosen)
    if not chosen and not equals:
        from bench.config import hints  # which knows every option, and takes longer than the lists

        known = [*hints.options_of_every_run(), "model", "budget", "hardware", "match", "checkpoint", "measure"]
        for option in same(name, known)[:4]:
            if text := catalogue.of_options(option):
                yield text


def _same(name: str, names: Iterable[str]) -> list[str]:
    """Those of the names that are `name` whole, but for case."""
    return [each for each in same(name, names) if "." not in name]


def _names(group: str, own: Path | None) -> list[str]:
    return [name for each in catalogue.GROUPS if group in ("", each) for name in catalogue.choices(each, own)]
