"""Texts that repeat each other: one file within another, and lines of a held-out split that train has too."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from itertools import combinations

from bench.api import Split

__all__ = ["repeated_files", "repeated_lines", "shared_with_train"]

_MOST = 0.5
"""Share of the smaller text's lines from which `repeated_lines` speaks: headings come twice in most texts."""


def repeated_files(texts: Mapping[str, str]) -> list[str]:
    """A sentence for each text, by name, that stands whole within another.

    Only a text with the same longest line can hold another, so that each is read once and few are compared.
    """
    if len(texts) < 2:
        return []
    bare = {name: text.strip() for name, text in texts.items()}
    owners: dict[str, list[str]] = {}
    for name, text in bare.items():
        if text:
            owners.setdefault(max(text.split("\n"), key=len).strip(), []).append(name)
    found: dict[str, str] = {}
    for other, text in bare.items():
        for line in {line.strip() for line in text.split("\n")} & owners.keys():
            for name in owners[line]:
                if name != other and found.get(other) != name and bare[name] in text:
                    found.setdefault(name, other)
    return [f"all of {name} is also in {other}: is one of them a copy?" for name, other in sorted(found.items())]


def repeated_lines(texts: Mapping[str, str]) -> list[str]:
    """A sentence for each two texts, by name, of which one has much of the other; a text of one line, all of it."""
    lines = {name: {hash(line) for line in map(str.strip, text.split("\n")) if line} for name, text in texts.items()}
    sentences = []
    for one, other in combinations(texts, 2):
        fewest = min(len(lines[one]), len(lines[other]))
        if fewest > 1 and (both := len(lines[one] & lines[other])) >= _MOST * fewest:
            sizes = f"of {len(lines[one]):,} in {one} and {len(lines[other]):,} in {other}"
            sentences.append(f"{one} and {other} share {both:,} different lines, {sizes}: is one a copy of the other?")
        elif fewest == 1 and (texts[one].strip() in texts[other] or texts[other].strip() in texts[one]):
            sentences.append(f"{one} and {other}: all of one is also in the other; is one a copy of the other?")
    return sentences


def shared_with_train(what: str, splits: Mapping[Split, Iterable[Hashable]]) -> list[str]:
    """A sentence for each held-out split of which some `what`, a noun in the plural, are also in train."""
    train = set(splits["train"])
    found = {split: [each in train for each in splits[split]] for split in splits if split != "train"}
    return [
        f"{sum(shared):,} of the {len(shared):,} {what} of {split} are also in train"
        for split, shared in found.items()
        if any(shared)
    ]
