"""The verbs: each file in the folder `bench/command/verbs` is the verb of its name.

A verb's file has three things: a docstring, which is the verb's help and whose first line sums the verb up;
`arguments(parser)`, which declares the verb's arguments; `run(options)`, which does the work and returns the exit code.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.command import verbs
from bench.command.parser import Parser
from bench.errors import ConfigError, asked, nearest


@dataclass(frozen=True)
class Verb:
    """The file of a verb. Only running the verb imports the file, so a list of verbs needs none of their libraries."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem.replace("_", "-")

    @property
    def module(self) -> str:
        return f"{verbs.__name__}.{self.path.stem}"

    @property
    def documentation(self) -> str:
        """The file's docstring."""
        return ast.get_docstring(ast.parse(self.path.read_text("utf-8"))) or ""

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.documentation.partition("\n")[0]

    def run(self, arguments: list[str]) -> int:
        """Do what `arguments` ask, or print the verb's help; the exit code. Raises BenchError in one line."""
        module = importlib.import_module(self.module)
        parser = Parser(self.name, self.documentation)
        module.arguments(parser)
        if parser.asks_for_help(arguments):
            print(parser.format_help(), end="")
            return 0
        return int(module.run(parser.parse(arguments)))


def every_verb() -> dict[str, Verb]:
    """The verbs by name, in alphabetical order."""
    paths = (path for folder in verbs.__path__ for path in Path(folder).glob("[!_]*.py"))
    return {verb.name: verb for verb in (Verb(path) for path in sorted(paths))}


def find(name: str, following: Sequence[str] = ()) -> Verb:
    """The verb called `name`, with the words `following` it in a command.

    Where there is none, ConfigError says what was meant: another verb, or an option or a choice in a run's words.
    """
    found = every_verb()
    if name in found:
        return found[name]

    from bench.config import words  # which knows every option, and takes longer than the help

    there_are = f"there are {', '.join(found)} (a run is OPTION=VALUE ...)"
    if synonym := words.verb_meant(name):
        raise ConfigError(f"{name}: there is no such verb{asked([synonym])}; {there_are}")
    near = nearest(name, found)
    if (not near or words.is_of_a_run(name)) and (line := words.meant([name, *following], 0)):
        raise ConfigError(line)
    raise ConfigError(f"{name}: there is no such verb{asked(near)}; {there_are}")


def refuse_late_verb(arguments: Sequence[str]) -> None:
    """Raise ConfigError for a verb after the options of a run."""
    for before, word in pairwise(arguments):
        if word in every_verb() and (not before.startswith("-") or before in ("-m", "--multirun")):
            raise ConfigError(f"{word}: a verb comes first: python -m bench {word} ...; see its --help")
