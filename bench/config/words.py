"""The words of a command before Hydra reads them: each is OPTION=VALUE, and no option is there twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.config import catalogue, hints, synonyms
from bench.config.packages import own_folder
from bench.config.roles import groups_of_classes
from bench.errors import ConfigError, asked, nearest, plain, same

_FLAGS = {"configpath": "--config-dir", "dryrun": "--cfg job", "printconfig": "--cfg job", "v": "--version"}
_SEE = "see python -m bench --help"
_RANGE = re.compile(r"(\d+)(?:\.\.+|-|:)(\d+)")


def spelled(word: str) -> str:
    """A word with the name that its option has in files: a command's `seed.data` is `seeds.data` there, where `seed` is
    a number."""
    return re.sub(r"^([+~]*)seed\.(?=\w)", r"\1seeds.", word)


def refuse_twice(words: Iterable[str]) -> None:
    """Raise ConfigError for an option that two of the words set."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.lstrip("+").partition("=")
        if not equals or word.startswith(("-", "~")):
            continue
        if key in values:
            how = f"as {values[key]} and as {value}" if values[key] != value else f"both times as {value}"
            several = f"-m {'+' * (word[0] == '+')}{key}=A,B"
            raise ConfigError(f"{key} is given twice, {how}: give it once (several values are a sweep: {several})")
        values[key] = value


def stray(words: Sequence[str], place: int) -> str:
    """Why a run takes no word such as that at `place`, which has no equals sign."""
    said = meant(words, place, own_folder(words))
    return said or f"{words[place]}: not of the form OPTION=VALUE; {_SEE}"


def meant(words: Sequence[str], place: int, own: Path | None = None) -> str | None:
    """What to write for the word at `place`, which is neither OPTION=VALUE nor a verb; None where nobody can tell."""
    word, before, after = words[place], words[place - 1] if place else "", [*words, ""][place + 1]
    if word[:1] in ("\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}"):
        return f"{word}: this dash is no hyphen: write {'-' * (1 + (len(word) > 2))}{word[1:]}"
    if before.endswith(",") or word.startswith(","):
        rest = words[place : next((n for n in range(place, len(words)) if not words[n].endswith(",")), place) + 1]
        said = " ".join((before, *rest))
        return f"{said}: no space beside a comma: write -m {before}{''.join(rest)}"
    if before.endswith("="):
        return f"{before} {word}: no space beside the equals sign: write {before}{word}"
    if after.startswith("="):
        value = after[1:] or [*words, ""][place + 2]
        apart = [word, after, *([value] if after == "=" else [])]
        return f"{' '.join(apart).rstrip()}: no space beside the equals sign: write {word}={value or 'VALUE'}"
    key, colon, value = word.partition(":")
    if colon and hints.is_option(key):
        return f"{word}: write {key}={value.strip()}"
    if ".py" in word:
        return f"{word}: write cell=custom cell.target={word}, or task=custom task.target={word}"
    if re.fullmatch(rf"({'|'.join(groups_of_classes())})\.\w+", word):  # which options it has is in the chosen file
        return f"{word}: write {word}=VALUE"
    if hints.is_option(word):
        given = after if after and "=" not in after and not after.startswith("-") else None
        name = hints.option(word, [*hints.options_of_every_run(), *catalogue.GROUPS])[0]
        return f"{word}{f' {given}' if given else ''}: write {hints.with_value(name, given)}"
    if found := hints.choices_called(word, own) or hints.choices_beginning(word, own):
        group, _, name = found[0].partition("=")
        if before.partition("=")[0] == group and "=" in before:
            return f"{before} {word}: several values have commas between: write -m {before},{name}"
        return f"{word}: write {' or '.join(found)}"
    return None


def unknown_flag(flag: str, words: Sequence[str], flags: Sequence[str]) -> str:
    """Why there is no such flag: most often it is an option, which has no dashes and has an equals sign."""
    name, equals, value = flag.lstrip("-").partition("=")
    follows = [*words, ""][words.index(flag) + 1] if flag in words else ""
    given = value if equals else follows if follows and "=" not in follows and follows[0] != "-" else None
    if instead := _FLAGS.get(plain(name)):
        return f"{flag}: there is no such flag (did you mean {instead}?); {_SEE}"
    if len(name) > 1 and (hints.is_option(name) or given is not None) and not same(flag, flags):
        options = hints.option(name, [*hints.options_of_every_run(), *catalogue.GROUPS])
        written = hints.with_value(options[0], given) if options else f"{name}={given}"
        said = flag if equals or given is None else f"{flag} {given}"
        return f"{said}: an option has no dashes, and an equals sign: write {written}"
    near = nearest(flag.partition("=")[0], flags) if len(name) > 1 else []
    return f"{flag}: there is no such flag{asked(near)}; {_SEE}"


def malformed(word: str) -> str:
    """Why Hydra's grammar does not take `word`, which has an equals sign, and what to write instead."""
    key, equals, value = word.partition("=")
    if not equals:
        return f"{word}: not of the form OPTION=VALUE; {_SEE}"
    if value.startswith("="):
        return f"{word}: one equals sign is enough: write {key}={value.lstrip('=')}"
    if not re.search(r"['\"\[{(]", value) and (values := value.split(",")) and "" in (each.strip() for each in values):
        kept = [each.strip() for each in values if each.strip()]
        several = f"-m {key}={','.join(kept)}" if len(kept) > 1 else f"{key}={''.join(kept) or 'VALUE'}"
        return f"{word}: a comma with nothing {'after' if value.endswith(',') else 'before'} it: write {several}"
    if re.match(r"\S+ +[\w.+~]+=", value):
        return f"{word}: several options in one pair of quotes: write each as a word of its own"
    if re.fullmatch(r"\([^()]*\)", value):
        return f"{word}: a list has square brackets: write '{key}=[{value[1:-1]}]'"
    if any(value.count(opened) != value.count(closed) for opened, closed in ("()", "[]", "{}")):
        return f"{word}: a bracket is open: close it, or quote a text: '{key}=\"{value}\"'"
    if not re.fullmatch(r"[+~]*[\w@/-]+([.][\w@/-]+)*", key):
        return f"{word}: {key or 'nothing'} is no name of an option; {_SEE}"
    if listed := re.fullmatch(r"\[([^][{}'\"]*)\]", value):
        quoted = ",".join(f'"{each.strip()}"' for each in listed[1].split(","))
        return f"{word}: not of the form OPTION=VALUE; quote unusual values: '{key}=[{quoted}]'"
    return f"{word}: not of the form OPTION=VALUE; quote an unusual value: '{key}=\"{value}\"'"


def no_number(value: str) -> str:
    """What to write for a value that is no number, in a sentence part; empty where nobody can tell."""
    if found := _RANGE.fullmatch(value):
        return f"; a sweep over them is -m and range({found[1]},{int(found[2]) + 1})"
    return ""


def decimal(word: str) -> str:
    """What to write for a number with a decimal comma, in a sentence part; empty where there is none."""
    key, _, value = word.partition("=")
    return f"; a decimal has a point: {key}={value.replace(',', '.')}" if re.fullmatch(r"0,\d+", value) else ""


def verb_meant(name: str) -> str:
    """The verb or flag that the field calls `name`; empty where it has no other name."""
    return synonyms.VERBS.get(plain(name), "")


def is_of_a_run(word: str) -> bool:
    """Whether a word is the name of an option or a choice, but for case."""
    return hints.is_option(word) or bool(hints.choices_called(word))
