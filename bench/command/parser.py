"""The parser of every verb, with arguments that several verbs share. An error is one line that names the help."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from bench.config.docstrings import reflowed
from bench.config.keywords import results_folder
from bench.errors import ConfigError, did_you_mean


class Parser(argparse.ArgumentParser):
    """Reads the words after a verb.

    `help_alone`: the verb without any word prints its help. `appendix` makes the end of the help when it is printed.
    """

    def __init__(self, verb: str, documentation: str) -> None:
        super().__init__(prog=f"python -m bench {verb}", description=documentation, formatter_class=_Formatter)
        self.verb = verb
        self.help_alone = False
        self.appendix: Callable[[], str] = str
        self._reads_stored_runs = False

    def add_run(self) -> None:
        """Take the name of a stored run, and how far the code that it names is trusted."""
        self.add_argument("run", help="a run's id, its folder, or the beginning of an id: then the latest")
        self.add_trust()

    def add_trust(self) -> None:
        """Take how far the code that stored runs name is trusted."""
        trust = (
            "run the code in this file or folder (or of this installed package) if the run names it; may be repeated"
        )
        self.add_argument("--trust", action="append", default=[], metavar="PATH", help=trust)
        self.add_argument("--with-this-code", action="store_true", help="go on although the run's code was edited")

    def add_config_dir(self) -> None:
        """Take a folder with choices of one's own, laid out like `conf/`."""
        self.add_argument(
            "--config-dir",
            "-cd",
            type=Path,
            metavar="PATH",
            help="a folder of your own with choices, such as PATH/cell/mine.yaml",
        )

    def add_results_dir(self) -> None:
        """Take the results folder, which may also be written `results_dir=PATH`, as for a run."""
        self._reads_stored_runs = True
        self.add_argument(
            "--results-dir", "--results_dir", default="results", metavar="PATH", help="the results folder (results)"
        )

    def asks_for_help(self, arguments: list[str]) -> bool:
        """Whether these words ask for the help and nothing else."""
        return bool({"-h", "--help"} & {*arguments}) or (self.help_alone and not arguments)

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """The values of the verb's arguments; ConfigError for words that the verb does not take."""
        if self._reads_stored_runs:
            arguments = [f"--{word}" if re.match("results[_-]dir=", word) else word for word in arguments]
        options, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            known = re.findall(r"--[\w-]+", super().format_help())
            flag = unknown[0].partition("=")[0]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(flag, known)}")
        if self._reads_stored_runs:
            options.results_dir = results_folder(options.results_dir)
        if (folder := getattr(options, "config_dir", None)) is not None and not folder.is_dir():
            self.error(f"--config-dir={folder}: there is no such folder")
        return options

    def format_help(self) -> str:
        return "\n".join(filter(None, (super().format_help(), self.appendix())))

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{self.verb}: {message}; see {self.prog} --help")


def number(
    kind: Callable[[str], float] = float,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> Callable[[str], Any]:
    """A converter for `add_argument(type=...)`: a finite float, or an int where that is the `kind`, within bounds.

    `least` and `most` are allowed themselves, `above` and `below` are not.
    """
    bounds = {"{:g} or more": least, "above {:g}": above, "{:g} or less": most, "below {:g}": below}
    said = ", ".join(text.format(bound) for text, bound in bounds.items() if bound is not None)

    def convert(text: str) -> float:
        try:
            value = kind(text)
            finite = math.isfinite(value)
        except (ValueError, OverflowError):  # the latter of a whole number that no float holds
            value, finite = math.nan, False
        if not (
            finite
            and (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        ):
            what = "a whole number" if kind is int else "a finite number"
            raise argparse.ArgumentTypeError(f"{text}: must be {what}{', ' * bool(said)}{said}")
        return value

    return convert


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return super()._fill_text("\n".join(reflowed(text, width)).rstrip(), width, indent)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = "Usage: ") -> None:
        super().add_usage(usage, actions, groups, prefix)
