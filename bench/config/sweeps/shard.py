"""A shard of a sweep: one of several parts, which separate commands run and which are the whole sweep together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The part `number`, from 1 on, `of` so many.

    It has every `of`-th member of the sweep, so that what varies fastest, most often the seed, is dealt out to all
    parts, and each has some of every cell.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that a text such as `1/4` names; ConfigError where it names none."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"--shard={text}: write I/N with I from 1 to N, as --shard=1/4 to --shard=4/4")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, members: Sequence[T]) -> list[T]:
        """Those of all members that are in the shard."""
        return [*members[self.number - 1 :: self.of]]


def take_shard(words: Sequence[str]) -> tuple[list[str], Shard | None]:
    """The words of a command without its flag `--shard`, and the shard.

    Raises ConfigError for a shard that there is not, for a second one, and where the command is no sweep.
    """
    rest, texts = list[str](), list[str]()
    waiting = iter(words)
    for word in waiting:
        flag, equals, text = word.partition("=")
        if flag == "--shard":
            texts.append(text if equals else next(waiting, ""))
        else:
            rest.append(word)
    if not texts:
        return rest, None
    if len(texts) > 1:
        raise ConfigError(f"--shard is given {len(texts)} times, as {' and as '.join(texts)}: give it once")
    shard = Shard.parse(texts[0])
    if not {"-m", "--multirun"} & {*rest}:
        raise ConfigError(f"--shard={shard}: a part of a sweep: write -m, and options with several values")
    return rest, shard
