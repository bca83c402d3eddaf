"""Texts with their classes: the data of text classification, wherever it was read from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from bench.api import Split

from .words import composed

__all__ = ["LabelledTexts", "Row", "carve", "numbered"]

_Labelled = TypeVar("_Labelled", bound=tuple[Any, ...])


class Row(NamedTuple):
    """A text as a file has it, with the name of its class, and its place in the file for messages: `a.csv:3`."""

    text: str
    label: str
    place: str


@dataclass(frozen=True)
class LabelledTexts:
    """The texts of each split with the number of their class, and their origin and licence for a reader of results.

    `notes` say how they were read, see `bench.api.TaskSpec`.
    """

    name: str
    splits: Mapping[Split, list[tuple[str, int]]]
    origin: str
    licence: str
    classes: Sequence[str] = ("negative", "positive")
    notes: Sequence[str] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over texts and classes, split by split: the same for the same data, wherever it was read from."""
        digest = hashlib.sha256()
        for split in ("train", "valid", "test"):
            for text, label in self.splits[split]:
                digest.update(f"{split}\t{label}\t{text}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def carve(texts: Iterable[_Labelled], *names: Split) -> dict[Split, list[_Labelled]]:
    """Deal labelled texts to splits by a hash of the text: about one in ten to each of `names`, the others to train.

    The same text always comes to the same split, so that duplicates are never on both sides; the hash is of its NFC, so
    that another spelling of its marks is the same text.
    """
    splits: dict[Split, list[_Labelled]] = {name: [] for name in ("train", *names)}
    for each in texts:
        content = composed(each[0]).encode("utf-8", "surrogatepass")
        tenth = int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % 10
        splits[names[tenth] if tenth < len(names) else "train"].append(each)
    return splits


def numbered(
    splits: Mapping[Split, list[Row]], number: Callable[[Row], int]
) -> tuple[dict[Split, list[tuple[str, int]]], list[str]]:
    """The texts with the number of their class, without those that are blank; and a sentence that counts these."""
    kept = {split: [(row.text, number(row)) for row in rows if row.text.strip()] for split, rows in splits.items()}
    blank = sum(len(rows) - len(kept[split]) for split, rows in splits.items())
    return kept, [f"rows without a text, left out: {blank:,}"] if blank else []
