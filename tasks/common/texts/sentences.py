"""Pairs of sentences: parallel text in files of two languages, and the tokens of a sentence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from torch import Tensor

from bench.api import DataError, Split, file_hash

from ..files.folders import walk
from ..files.packed import PACKED
from ..files.prepared import prepared
from ..files.reading import decode, find, find_in, read_unpacked
from .labelled_texts import carve
from .words import composed, composed_note

__all__ = ["SPLITS", "Parallel", "file_pairs", "kept_lines", "tokenised", "tokens_13a"]

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
_RENAME = "set task.files, task.source_language or task.target_language to the names of those that are there"

_CODE = re.compile("[A-Za-z_#-]*[0-9][0-9.:_-]*")
"""A number, a date, or a name that ends in a number."""

_tokenizer = Tokenizer13a()


@dataclass(frozen=True)
class Parallel:
    """Sentences and their translations by split, with their origin and licence for a reader of results.

    `notes` say how they were read, see `bench.api.TaskSpec`.
    """

    pairs: dict[Split, list[tuple[str, str]]]
    origin: str
    licence: str
    fingerprint: str
    notes: tuple[str, ...] = ()


def tokens_13a(text: str) -> list[str]:
    """Words and punctuation marks as BLEU counts them: by mteval's tokeniser 13a, sacrebleu's default."""
    return str(_tokenizer(text)).split()


def kept_lines(recipe: Mapping[str, Any], make: Callable[[], Iterable[str]]) -> list[str]:
    """The lines that `make` gives; made once for a recipe and kept on the disk, see `tasks.common.files.prepared`."""

    def make_tensors() -> dict[str, Tensor]:
        return {"lines": torch.frombuffer(bytearray("\n".join(make()).encode()), dtype=torch.uint8)}

    return prepared("sentences", recipe, make_tensors)["lines"].numpy().tobytes().decode().split("\n")


def tokenised(data: Parallel, lower: bool) -> Parallel:
    """The same sentences as their tokens with spaces between, in lower case or not."""

    def make() -> Iterator[str]:
        for text in (text for split in SPLITS for pair in data.pairs[split] for text in pair):
            yield " ".join(tokens_13a(text.lower() if lower else text))

    lines = iter(kept_lines({"tokens of": _hash(data.pairs), "lower": lower, "version": 1}, make))
    return replace(data, pairs={split: [(next(lines), next(lines)) for _ in data.pairs[split]] for split in SPLITS})


def file_pairs(source: str, names: Sequence[str], languages: tuple[str, str]) -> Parallel:
    """Sentences in pairs, without those of which a side is blank.

    - a folder: for each split's name the lines of `NAME.LANGUAGE`, one file a language, or of `NAME.tsv`; also packed.
    - a file: a pair a line with a tab between, as those of Tatoeba and Anki, with further columns or without; a hash of
      the first sentence gives a tenth each to test and valid.
    Raises ValueError for another number of names. Raises DataError, naming the file, where one is missing, is no UTF-8
    text or has no tab in a line, and naming both where two have different numbers of lines.
    """
    if len(names) != len(SPLITS):
        raise ValueError(f"task.files={list(names)}: give three names, of train, valid and test")
    root = find(source, "give builtin, a folder, or a file of pairs with a tab between")
    notes: list[str] = []
    files: list[Path] = []
    if root.is_file():
        files = [root]
        pairs = carve(_pairs_of_tabs(root, languages, notes), "test", "valid")
        notes.append("a hash of each source sentence gives a tenth each to test and valid")
    else:
        pairs = {}
        for split, name in zip(SPLITS, names, strict=True):
            mine = _files_of(root, name, languages)
            files += mine
            both = len(mine) == len(languages)
            pairs[split] = _pairs_of_files(mine, notes) if both else _pairs_of_tabs(mine[0], languages, notes)
    kept = {split: [pair for pair in pairs[split] if all(pair)] for split in SPLITS}
    if blank := sum(len(pairs[split]) - len(kept[split]) for split in SPLITS):
        notes.append(f"pairs of which a side is empty, left out: {blank:,}")
    for split in SPLITS:
        if not kept[split]:
            raise DataError(f"task.source={source}: {split} has no pair of sentences; name files with sentences")
    origin = f"local {'file' if root.is_file() else 'folder'} {source}, {' to '.join(languages)}"
    return Parallel(kept, origin, "not stated (local text)", file_hash(*files), tuple(dict.fromkeys(notes)))


def _files_of(root: Path, name: str, languages: tuple[str, str]) -> list[Path]:
    """The table of one split, or its two files."""
    tables = walk(root, [".tsv"], depth=1).files
    if table := next((path for path in tables if path.stem.lower() == name.lower()), None):
        return [table]
    endings = [".gz", "", *(packed for packed in PACKED if packed != ".gz")]
    return [find_in(root, [f"{name}.{language}{ending}" for ending in endings], _RENAME) for language in languages]


def _pairs_of_files(paths: Sequence[Path], notes: list[str]) -> list[tuple[str, str]]:
    first, second = ([line.strip() for line in _lines(path, notes)] for path in paths)
    if len(first) != len(second):
        raise DataError(
            f"{paths[0]} has {len(first)} lines, {paths[1]} has {len(second)}: each line must translate the same "
            "line of the other file; fetch both again"
        )
    return list(zip(first, second, strict=True))


def _pairs_of_tabs(path: Path, languages: tuple[str, str], notes: list[str]) -> list[tuple[str, str]]:
    """The first two columns of sentences, in the order of `languages`, or by a first line that names these.

    Sentences are neither numbers and names such as `s12`, nor the same in each line, as languages and licences are.
    """
    rows = [(number, line.split("\t")) for number, line in enumerate(_lines(path, notes), 1) if line.strip()]
    if short := next((number for number, fields in rows if len(fields) < 2), None):
        raise DataError(f"{path}:{short}: has no tab; give two sentences a line with a tab between")
    width = min((len(fields) for _, fields in rows), default=0)
    body = rows[1:] or rows  # a first line may have names
    columns = [place for place in range(width) if not all(_CODE.fullmatch(fields[place].strip()) for _, fields in body)]
    varied = [place for place in columns if len({fields[place] for _, fields in rows}) > 1]
    columns = varied if len(varied) > 1 else columns
    if len(columns) < 2:
        raise DataError(f"{path}: has fewer than two columns of sentences; give two with a tab between")
    header = [rows[0][1][place].strip().lower() for place in columns]
    if set(map(str.lower, languages)) <= set(header):
        rows = rows[1:]
        columns = [columns[header.index(language.lower())] for language in languages]
    told = ", ".join(f"{language} is column {place + 1}" for language, place in zip(languages, columns, strict=False))
    notes.append(f"{path.name}: {told}")
    first, second = columns[:2]
    return [(fields[first].strip(), fields[second].strip()) for _, fields in rows]


def _lines(path: Path, notes: list[str]) -> list[str]:
    text = decode(read_unpacked(path), path).removeprefix("\ufeff")
    notes += composed_note(text)
    return composed(text).removesuffix("\n").split("\n")


def _hash(pairs: Mapping[Split, Sequence[tuple[str, str]]]) -> str:
    digest = hashlib.sha256()
    for split in SPLITS:
        for first, second in pairs[split]:
            digest.update(f"{split}\t{first}\t{second}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
