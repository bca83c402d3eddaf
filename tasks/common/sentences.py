"""Pairs of sentences: parallel text in files of two languages, and the tokens of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from torch import Tensor

from bench.api import DataError, Split, file_hash

from .files import decode, find, find_in, read_unpacked
from .prepared import prepared

__all__ = ["SPLITS", "Parallel", "file_pairs", "kept_lines", "tokenised", "tokens_13a"]

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
_RENAME = "set task.files, task.source_language or task.target_language to the names of those that are there"

_tokenizer = Tokenizer13a()


@dataclass(frozen=True)
class Parallel:
    """Sentences and their translations by split, with their origin and licence for a reader of results."""

    pairs: dict[Split, list[tuple[str, str]]]
    origin: str
    licence: str
    fingerprint: str


def tokens_13a(text: str) -> list[str]:
    """Words and punctuation marks as BLEU counts them: by mteval's tokeniser 13a, sacrebleu's default."""
    return str(_tokenizer(text)).split()


def kept_lines(recipe: Mapping[str, Any], make: Callable[[], Iterable[str]]) -> list[str]:
    """The lines that `make` gives; made once for a recipe and kept on the disk, see `tasks.common.prepared`."""

    def make_tensors() -> dict[str, Tensor]:
        return {"lines": torch.frombuffer(bytearray("\n".join(make()).encode()), dtype=torch.uint8)}

    return prepared("sentences", recipe, make_tensors)["lines"].numpy().tobytes().decode().split("\n")


def tokenised(data: Parallel, lower: bool) -> Parallel:
    """The same sentences as their tokens with spaces between, in lower case or not."""

    def make() -> Iterator[str]:
        for text in (text for split in SPLITS for pair in data.pairs[split] for text in pair):
            yield " ".join(tokens_13a(text.lower() if lower else text))

    lines = iter(kept_lines({"tokens of": data.fingerprint, "lower": lower, "version": 1}, make))
    return replace(data, pairs={split: [(next(lines), next(lines)) for _ in data.pairs[split]] for split in SPLITS})


def file_pairs(folder: str, names: Sequence[str], languages: tuple[str, str]) -> Parallel:
    """The lines of `NAME.LANGUAGE` or `NAME.LANGUAGE.gz` in a folder, in pairs; one name for each split.

    Raises ValueError for another number of names. Raises DataError, naming the file, where one is missing, is no UTF-8
    text or no sound gzip file or has an empty line, and naming both where two have different numbers of lines.
    """
    if len(names) != len(SPLITS):
        raise ValueError(f"task.files={list(names)}: give three names, of train, valid and test")
    root = find(folder, "give builtin or a folder", "folder")
    pairs, files = {}, []
    for split, name in zip(SPLITS, names, strict=True):
        stems = [f"{name}.{language}" for language in languages]
        paths = [find_in(root, (f"{stem}.gz", stem), _RENAME) for stem in stems]
        first, second = (_lines(path) for path in paths)
        if len(first) != len(second):
            raise DataError(
                f"{paths[0]} has {len(first)} lines, {paths[1]} has {len(second)}: each line must translate the same "
                "line of the other file; fetch both again"
            )
        pairs[split] = list(zip(first, second, strict=True))
        files += paths
    origin = f"local folder {folder}, {' to '.join(languages)}"
    return Parallel(pairs, origin, "not stated (local text)", file_hash(*files))


def _lines(path: Path) -> list[str]:
    text = decode(read_unpacked(path), path)
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
    if "" in lines:
        raise DataError(
            f"{path}, line {lines.index('') + 1}: empty; delete it, and its line in the other language, or name a file "
            "with sentences"
        )
    return lines
