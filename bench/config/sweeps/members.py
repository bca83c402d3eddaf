"""The members of a sweep: the options and the command of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser

from bench.config.compose import composed, explained, flags_first, loader_of, plainly, with_folder
from bench.config.explain import chosen_in, elsewhere
from bench.config.options import Member, Options
from bench.config.roles import groups_of_classes
from bench.config.sweeps.shard import Shard


def compose_sweep(arguments: Sequence[str], shard: Shard | None = None) -> list[Options]:
    """The options of each member of a sweep or a shard, from arguments such as `seed=0,1,2` or `seed=range(3)`.

    The last argument varies fastest. The members' folders are named, but not created. Raises ConfigError as `compose`
    does.
    """
    arguments = for_their_members(flags_first([*arguments]))
    with loader_of() as loader, explained(arguments):
        members = members_of(loader, arguments)
        members = members if shard is None else shard.share(members)
        if not members:
            return []
        first, folder = composed(loader, members[0], arguments)
        found = [first, *_composed_once_for_all_seeds(loader, members[1:], arguments)]
    places = (Member(number, len(found), folder / str(number - 1)) for number in range(1, len(found) + 1))
    return [replace(options, member=place) for options, place in zip(found, places, strict=True)]


def _composed_once_for_all_seeds(
    loader: ConfigLoaderImpl, members: Iterable[list[str]], arguments: list[str]
) -> Iterator[Options]:
    """The options of each member; of members that differ in the seed alone the first is composed, in a tenth of a
    second, and the others have another seed."""
    known: dict[tuple[str, ...], Options] = {}
    for member in members:
        others, seed = without_seed(member)
        if seed is None or "${" in "".join(member):  # an option may be made of the seed
            yield _composed(loader, member, arguments)
            continue
        if others not in known:
            known[others] = _composed(loader, member, arguments)
        found = known[others]
        yield replace(found, config=replace(found.config, seed=seed))


def _composed(loader: ConfigLoaderImpl, member: list[str], arguments: list[str]) -> Options:
    return plainly(member) or composed(loader, member, arguments)[0]


def without_seed(member: Sequence[str]) -> tuple[tuple[str, ...], int | None]:
    """The words of a member but for its seed, and the seed; None where no word is plainly one."""
    others = tuple(word for word in member if not re.fullmatch(r"seed=(0|[1-9]\d{0,8})", word))
    seeds = [int(word.partition("=")[2]) for word in member if word not in others]
    return others, seeds[0] if seeds else None


def commands_of(arguments: Sequence[str], config_dir: Path | None = None) -> list[list[str]]:
    """For each member of a sweep the arguments of it alone, which `compose` takes. Raises ConfigError as that does."""
    arguments = for_their_members(flags_first([*arguments]))
    said = with_folder(arguments, config_dir)
    with loader_of(config_dir) as loader, explained(said):
        members = members_of(loader, arguments)
    others = [elsewhere(said, chosen_in(member)) for member in members]
    return [
        [word for word in member if word.lstrip("+").partition("=")[0] not in keys]
        for member, keys in zip(members, others, strict=True)
    ]


def members_of(loader: ConfigLoader, arguments: list[str]) -> list[list[str]]:
    """The words of each member of a sweep; the last argument varies fastest."""
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
    (members,) = BasicSweeper.split_arguments(overrides, None)
    return members


def for_their_members(arguments: list[str]) -> list[str]:
    """The arguments of a sweep, of which each option that is for some members alone is given to all.

    Hydra would refuse such an option for the others; `options_of` takes it away from them.
    """
    keys = {key for group in groups_of_classes() for key in elsewhere(arguments, {group: ""})}
    return [f"++{word.lstrip('+')}" if word.lstrip("+").partition("=")[0] in keys else word for word in arguments]
