"""The verbs: each file in the folder `bench/command/verbs` is the verb of its name.

A verb's file has three things: a docstring, which is the verb's help and whose first line sums the verb up;
`arguments(parser)`, which declares the verb's arguments; `run(options)`, which does the work and returns the exit code.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path

from bench.command import verbs
from bench.command.parser import Parser
from bench.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Verb:
    """The file of a verb. Only running the verb imports the file, so a list of verbs needs none of their libraries."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

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
        module = importlib.import_module(f"{verbs.__name__}.{self.name}")
        parser = Parser(self.name, self.documentation)
        module.arguments(parser)
        if parser.asks_for_help(arguments):
            print(parser.format_help(), end="")
            return 0
        return int(module.run(parser.parse(arguments)))


def every_verb() -> dict[str, Verb]:
    """The verbs by name, in alphabetical order."""
    paths = (path for folder in verbs.__path__ for path in Path(folder).glob("[!_]*.py"))
    return {path.stem: Verb(path) for path in sorted(paths, key=lambda path: path.stem)}


def find(name: str) -> Verb:
    """The verb called `name`; where there is none, ConfigError names the nearest verb and all others."""
    found = every_verb()
    if name not in found:
        there_are = f"there are {', '.join(found)} (a run is OPTION=VALUE ...)"
        raise ConfigError(f"{name}: there is no such verb{did_you_mean(name, found)}; {there_are}")
    return found[name]
