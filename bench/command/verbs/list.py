"""Show tasks, cells and the other choices, with their options."""

from __future__ import annotations

from argparse import Namespace

from bench.command.parser import Parser
from bench.config import catalogue
from bench.errors import ConfigError, did_you_mean


def arguments(parser: Parser) -> None:
    """A group of choices, or none."""
    parser.add_argument("group", nargs="?", help=f"show only this group, one of {', '.join(catalogue.GROUPS)}")
    parser.add_config_dir()


def run(options: Namespace) -> int:
    """Print the choices of one group, or of all."""
    group = options.group
    if group is not None and group not in catalogue.GROUPS:
        nearest = did_you_mean(group, catalogue.GROUPS)
        raise ConfigError(f"list {group}: there is no such group{nearest}; there are {', '.join(catalogue.GROUPS)}")
    print(catalogue.to_text(group, options.config_dir))
    return 0
