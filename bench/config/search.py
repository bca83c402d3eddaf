"""The search space of `bench tune`: the options that trials draw, and the values that they draw them from."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.config import packages
from bench.config.catalogue import choices
from bench.config.tree import flatten, written
from bench.errors import ConfigError, did_you_mean

Value = bool | int | float | str
_DIGITS = 3  # of a drawn number: a label and a command can hold it, and no result hangs on more
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INTERVAL = re.compile(rf"(log|uniform)\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)")
_FORMS = "write log(LOW, HIGH), uniform(LOW, HIGH), or [A, B, ...]"


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, whole ones where both ends are; spread evenly, or so by their `log`."""

    low: int | float
    high: int | float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def probes(self) -> list[Value]:
        """Values of which each option must be able to take every one."""
        return [self.low, self.high]

    def settled(self, value: Any) -> Value:
        """A drawn number as it is used: whole, or with three significant digits, and between the ends."""
        if self.whole:
            return int(value)
        digits = _DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
        return float(min(max(round(value, digits), self.low), self.high))

    def __str__(self) -> str:
        return f"{'log' if self.log else 'uniform'}({written(self.low)}, {written(self.high)})"


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Value, ...]

    @property
    def probes(self) -> list[Value]:
        """Values of which each option must be able to take every one."""
        return [*self.values]

    def settled(self, value: Any) -> Value:
        """The value as it is."""
        return value

    def __str__(self) -> str:
        return written(self.values)


Space = Mapping[str, Interval | Choice]
"""For each option by its dotted name, the values that it is drawn from."""


def short_hash(found: Space) -> str:
    """Eight digits that are the same for spaces of which each option is drawn from the same values."""
    text = "\n".join(sorted(f"{option}={values}" for option, values in found.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def space(name: str, changes: Sequence[tuple[str, str]] = (), own: Path | None = None) -> Space:
    """The search space of this `name`, a file in `conf/search` or in the folder of one's `own`.

    `changes` are pairs of an option and the text of its values, which replace or add to the file's; `null` takes the
    option out. Raises ConfigError, in one line, for a name that there is not, and for values that nothing can be
    drawn from.
    """
    known = choices("search", own)
    if name not in known:
        there_are = f"choose one of {', '.join(known)}"
        raise ConfigError(f"search={name}: there is no such search{did_you_mean(name, known)}; {there_are}")
    path = packages.provider("search", name, own).conf / "search" / f"{name}.yaml"
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(tree, dict):
        raise ConfigError(f"search={name}: {path} has no options; {_FORMS} for each")
    given = flatten(tree) | {option: _read(text) for option, text in changes}
    found = {str(option): _values(option, value) for option, value in given.items() if value is not None}
    if not found:
        raise ConfigError(f"search={name}: every option is taken out, so that there is nothing to search")
    return found


def _read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _values(option: str, given: Any) -> Interval | Choice:
    """The values that are `given` for an option in a file or a command."""
    said = f"search.{option}={written(given) if isinstance(given, (str, int, float, list)) else given}"
    if isinstance(given, list):
        values = tuple(_number(each) if isinstance(each, str) else each for each in given)
        if not values or not all(isinstance(each, Value) for each in values) or len({*values}) < len(values):
            raise ConfigError(f"{said}: a list has values, each once: numbers, texts, true or false")
        return Choice(values)
    found = _INTERVAL.fullmatch(given) if isinstance(given, str) else None
    if not found:
        raise ConfigError(f"{said}: {_FORMS}; null takes the option out")
    low, high = _number(found[2]), _number(found[3])
    if not low < high:  # type: ignore[operator]
        raise ConfigError(f"{said}: the lower end comes first")
    if found[1] == "log" and low <= 0:  # type: ignore[operator]
        raise ConfigError(f"{said}: numbers by their logarithm are above 0; write uniform(...), or another end")
    return Interval(low, high, found[1] == "log")  # type: ignore[arg-type]


def _number(text: str) -> Value:
    """The number that a text is, in a form that YAML takes for a text, too (`1e-4`); else the text."""
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(_NUMBER, text) else text
