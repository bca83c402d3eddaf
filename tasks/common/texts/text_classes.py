"""Classification of texts: tokens, a vocabulary of train, and a bag of words to beat, prepared once and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from typing import Literal

import torch
from torch import Generator, Tensor

from bench.api import Batch, Split, Tokens

from ..files.overlap import shared_with_train
from ..files.prepared import check_checksum, prepared
from ..generated import check_range
from ..sequences.classification import Classification, Labelled
from ..sequences.ragged import Ragged
from . import bag_of_words
from .labelled_texts import LabelledTexts
from .vocabulary import UNKNOWN, Vocabulary
from .words import SPLITTERS, WORDS, composed, composed_note, unspaced_note

__all__ = ["TextClasses"]

_VERSION = 1
"""Of what is prepared; raise it with the code of `_prepare` and of what it calls."""

_NOTED = 200
"""Number of texts of train that notes on their spelling and script look at."""


class TextClasses(Classification):
    """Texts as `tokens`, each of one class; of longer texts only the last `max_length` tokens.

    The vocabulary is `<unk>` and the tokens that occur at least `min_count` times in train, at most `vocabulary` in
    all. In train a token becomes `<unk>` with probability `word_dropout`. The baseline is a logistic regression over
    the count of each token, fitted to train. A subclass passes its texts to `set_texts`.
    """

    def __init__(
        self,
        tokens: Literal["word", "character"],
        vocabulary: int | None,
        min_count: int,
        max_length: int | None,
        word_dropout: float,
        checksum: str | None,
    ) -> None:
        check_range(2, vocabulary=vocabulary)
        check_range(1, min_count=min_count, max_length=max_length)
        if not 0 <= word_dropout < 1:
            raise ValueError(f"task.word_dropout={word_dropout:g} must be at least 0 and below 1")
        self.word_dropout, self.max_length, self._checksum = word_dropout, max_length, checksum
        self._kind, self._limits = tokens, (vocabulary, min_count)

    def set_texts(self, id: str, data: LabelledTexts, generated: bool) -> None:
        """Take the texts; raises DataError for another checksum, and where train or valid is empty."""
        check_checksum(data.name, data.fingerprint, self._checksum)
        if generated:
            kept = self._prepare(data)
        else:
            libraries = {name: version(name) for name in ("regex", "scikit-learn")}
            options = {"tokens": self._kind, "limits": self._limits, "max_length": self.max_length}
            recipe = {"texts": data.fingerprint, "version": _VERSION, **options, **libraries}
            kept = prepared("texts", recipe, lambda: self._prepare(data))
        self.vocabulary = Vocabulary(tuple(json.loads(kept["vocabulary"].numpy().tobytes())))
        splits = _splits(kept)
        self.set_data(
            id=id,
            inputs=Tokens(len(self.vocabulary)),
            classes=data.classes,
            splits=splits,
            source=data.origin,
            licence=data.licence,
            fingerprint=None if generated else data.fingerprint,
            baselines={f"bag_of_{self._kind}s": kept["bag"].item()} if "bag" in kept else {},
            solved=1.0 if generated else None,
            notes=() if generated else self._notes(data),
            shared=() if generated else _shared(splits),
        )

    def _prepare(self, data: LabelledTexts) -> dict[str, Tensor]:
        """The vocabulary, the numbers of tokens and classes of each split, and the score of a bag of words."""
        cut = {split: [self.tokens(text) for text, _ in texts] for split, texts in data.splits.items() if texts}
        vocabulary = Vocabulary.of(cut.get("train", ()), *self._limits)
        found = {"vocabulary": torch.frombuffer(bytearray(json.dumps(vocabulary.tokens).encode()), dtype=torch.uint8)}
        for split, texts in cut.items():
            ragged = vocabulary.encode_all(texts)
            found[f"{split} values"], found[f"{split} starts"] = ragged.values.int(), ragged.starts
            found[f"{split} labels"] = torch.tensor([label for _, label in data.splits[split]])
        splits = _splits(found)
        train, scored = splits.get("train"), splits.get("test") or splits.get("valid")
        if train and scored:
            score = bag_of_words.accuracy(train, scored, len(vocabulary))
            found["bag"] = torch.tensor(score, dtype=torch.float64)
        return found

    def _notes(self, data: LabelledTexts) -> list[str]:
        sample = "\n".join(text for text, _ in data.splits["train"][:_NOTED])
        by_word = [WORDS, *unspaced_note(sample)] if self._kind == "word" else []
        return [*data.notes, *composed_note(sample), *by_word]

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text; `<unk>` for an empty one, so that each text has a last token."""
        found = SPLITTERS[self._kind](composed(text)) or [UNKNOWN]
        return list(found[-self.max_length :] if self.max_length else found)

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """As for every classification task; in train with word dropout, drawn in each pass."""
        for batch in super().batches(split, batch_size, generator):
            if split == "train" and self.word_dropout:
                kept_TB = torch.rand(batch.inputs.shape, generator=generator) >= self.word_dropout
                batch = replace(batch, inputs=batch.inputs * kept_TB)
            yield batch


def _splits(kept: dict[str, Tensor]) -> dict[Split, Labelled]:
    """The splits of what was prepared."""
    return {
        split: Labelled(Ragged(kept[f"{split} values"].long(), kept[f"{split} starts"]), kept[f"{split} labels"])
        for split in ("train", "valid", "test")
        if f"{split} values" in kept
    }


def _shared(splits: dict[Split, Labelled]) -> list[str]:
    """What held-out texts train has too, token by token."""
    contents = {split: [text.numpy().tobytes() for text in data.sequences] for split, data in splits.items()}
    return shared_with_train("texts", contents) if "train" in contents else []
