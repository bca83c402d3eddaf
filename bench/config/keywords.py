"""Options given as Python keywords, written as the words of a command."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from bench.config.role import PRESETS
from bench.errors import ConfigError

_PLAIN = re.compile(r"(?!(?:null|true|false|yes|no|on|off|nan|inf)$)[a-z_/][\w./:@-]*", re.ASCII | re.IGNORECASE)


def to_overrides(words: Sequence[str], options: Mapping[str, Any], sweep: bool = False) -> list[str]:
    """`words` as they are, then each of `options` as `NAME=VALUE`.

    A dictionary holds the options of a group: `model={"hidden": 64}` is `model.hidden=64`. In a `sweep` a list, tuple
    or range holds the values to try; otherwise it is one value, a list. Raises ConfigError for a value of a type that
    no option has, and for a word that is not of the form NAME=VALUE.
    """
    for word in words:
        _check(word)
    written = (f"{'+' * (name in PRESETS)}{name}={text}" for name, text in _written(options, sweep))
    return [*map(with_results_folder, words), *written]


def results_folder(name: str) -> str:
    """The results folder called `name`, with `~` as the home folder; ConfigError where the name is empty, or where
    there is no home."""
    if not name:
        raise ConfigError("results_dir=: name a folder; . is the current one")
    path = os.path.expanduser(name)
    if path.startswith("~"):
        raise ConfigError(f"results_dir={name}: there is no such home folder; write the path in full, or ./{name}")
    return str(Path(path))


def with_results_folder(word: str) -> str:
    """A word of a command. In `results_dir=~/x` most shells leave the `~`: here it becomes the home folder."""
    key, equals, name = word.partition("=")
    return f"results_dir={results_folder(name)}" if equals and key == "results_dir" else word


def _check(word: Any) -> None:
    if not isinstance(word, str) or word.startswith("-") or ("=" not in word and not word.startswith("~")):
        raise ConfigError(f"{word}: not of the form NAME=VALUE, as in bench.run('task=copy', 'cell=gru', seed=0)")
    if re.match(r"[+~]*hydra[./]", word):
        raise ConfigError(f"{word}: an option of the command line alone; from Python, runs go one after the other")


def _written(options: Mapping[str, Any], sweep: bool, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        name = f"{prefix}{key}"
        _check(f"{name}=")
        if value is None and name in PRESETS:
            continue
        if isinstance(value, Mapping):
            yield from _written(value, sweep, f"{name}.")
        elif sweep and _is_several(value):
            if not (texts := [to_text(each, name) for each in value]):
                raise ConfigError(f"{name}: there is no value to try; give at least one")
            yield name, ",".join(texts)
        else:
            yield name, to_text(value, name)


def to_text(value: Any, name: str) -> str:
    """A value in Hydra's grammar; ConfigError names the option where its type has no such form."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if getattr(value, "ndim", None) == 0:  # a number of numpy's or torch's
        return to_text(value.item(), name)
    if isinstance(value, int) and value.bit_length() > 10_000:  # Python writes no number of so many digits
        raise ConfigError(f"{name}: the number is too large; whole numbers have at most 64 bits")
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (str, PathLike)):
        return quoted(results_folder(str(value)) if name == "results_dir" else str(value))
    if _is_several(value):
        return f"[{','.join(to_text(each, name) for each in value)}]"
    raise ConfigError(f"{name}={value!r}: an option is a number, a text, true or false, None, or a list of these")


def _is_several(value: Any) -> bool:
    if isinstance(value, (str, bytes, Mapping, PathLike)) or getattr(value, "ndim", 1) == 0:
        return False
    return isinstance(value, Iterable)


def quoted(text: str) -> str:
    """A text that Hydra reads back as it is: bare where it is a plain name or path, else in quotes."""
    if _PLAIN.fullmatch(text):
        return text
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)  # OmegaConf would insert a value
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", literal)
    backslashes = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{chr(92) * backslashes}'"
