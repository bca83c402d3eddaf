"""Character language modelling: predict each next character of a real text.

Data card. Sutskever, Martens & Hinton, "Generating text with recurrent neural networks", ICML 2011.

Text: any, by `source` and `encoding`, as `bench.tasks.text.read_text` takes them. The default is the Python Software
Foundation's reference text (465 kB of English, PSF licence); its wording, and so its fingerprint (SHA-256 of the
text), differs from one Python version to the next. Its pages repeat phrases: of the test split's stretches of 32
characters about a quarter stand in train too, which flatters the scores; compare cells by it, not texts.

Splits: contiguous, in the order train, valid, test, cut at the fractions `splits` of the characters, rounded down.
With a test fraction of 0 there is no test split and all the rest is valid.

Vocabulary: the characters of train by code point. Id 0 stands for any other and decodes to U+FFFD.

Batches: lanes are read side by side in windows of `length` time steps and go on from batch to batch, so the state is
to be carried; only the first batch of a pass is `fresh`. The targets are the inputs' next characters.
- train: `batch_size` lanes, a pass an epoch. What is too short for one more window of every lane is left out; how much
  of it at the start of the text and how much at its end, the generator decides anew for each pass.
- valid and test: SCORED_LANES lanes for any batch size (fewer where they would be shorter than a window). Every
  character but the first of the split is scored exactly once; padding at the end has weight 0.

Metric: bits per character, the mean of -log2 p(character | all before it in its lane). Nats and perplexity are per
character too. Chance is uniform over the vocabulary. Baselines are uniform, unigram and bigram, fitted to train as in
`bench.tasks.ngram`, scored on test, or on valid where there is no test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.api import Batch, DataError, Metric, Split, Task, TaskSpec, Tokens

from .ngram import entropies
from .text import read_text

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
SCORED_LANES = 16
_CHUNK = 1 << 22  # characters handled at a time, so that a large text needs little memory beside its ids


class CharLM(Task):
    """The characters of `source`, in windows of `length` time steps; `splits` are fractions of train, valid and test.

    Raises ValueError for options out of range, DataError for a text that cannot be read or is too short.
    """

    def __init__(
        self,
        source: str | list[str] = "builtin",
        encoding: str = "utf-8",
        length: int = 64,
        splits: Sequence[float] = (0.9, 0.05, 0.05),
    ) -> None:
        if length < 1:
            raise ValueError(f"task.length={length}: a window needs at least 1 time step")
        _check_fractions(splits)
        self.length = length
        corpus = read_text(source, encoding)
        train, valid, test = _cut(corpus.text, splits)
        self.characters = [UNKNOWN, *sorted(set(train))]
        size = len(self.characters)
        narrowest = np.min_scalar_type(-size)  # signed, as torch has few unsigned types
        self._table = np.zeros(0x110000, narrowest)  # from code point to id
        self._table[[ord(character) for character in self.characters[1:]]] = np.arange(1, size)
        self._ids = {"train": self._to_ids(train), "valid": self._to_ids(valid), "test": self._to_ids(test)}
        for split, ids in self._ids.items():
            if len(ids) <= length and not (split == "test" and splits[2] == 0):
                raise DataError(
                    f"{corpus.name}: the {split} split has {len(ids)} characters, one window needs {length + 1}; "
                    f"set task.length smaller, its part of task.splits={list(splits)} larger, or name more text"
                )
        baselines = entropies(self._ids["train"], self._ids["test"] if splits[2] else self._ids["valid"], size)
        self._spec = TaskSpec(
            id="charlm-v1",
            inputs=Tokens(size),
            outputs=size,
            reads="every_step",
            metric=Metric("bits_per_character", "bits", "min", chance=math.log2(size), baselines=baselines),
            source=corpus.origin,
            licence=corpus.licence,
            fingerprint=corpus.fingerprint,
        )

    @property
    def spec(self) -> TaskSpec:
        return self._spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        ids = torch.from_numpy(self._ids[split])
        if split == "train":
            return self._train(ids, batch_size, generator)
        return self._scored(ids) if len(ids) else iter(())

    def _train(self, ids: Tensor, lanes: int, generator: Generator) -> Iterator[Batch]:
        windows, left_over = divmod(len(ids) - 1, lanes * self.length)
        if not windows:
            raise DataError(
                f"the train split has {len(ids)} characters, one window for each of batch_size={lanes} lanes needs "
                f"{lanes * self.length + 1}; set batch_size or task.length={self.length} smaller, or name more text"
            )
        first = int(torch.randint(left_over + 1, (), generator=generator))
        end = first + windows * lanes * self.length
        inputs_BT, targets_BT = ids[first:end].view(lanes, -1), ids[first + 1 : end + 1].view(lanes, -1)
        return _windows(inputs_BT.T, targets_BT.T, torch.full((lanes,), inputs_BT.shape[1]), self.length)

    def _scored(self, ids: Tensor) -> Iterator[Batch]:
        predictions = len(ids) - 1
        lanes = min(SCORED_LANES, predictions // self.length)
        steps = math.ceil(predictions / lanes)
        padding = (0, lanes * steps - predictions)
        inputs_BT, targets_BT = (F.pad(stream, padding).view(lanes, steps) for stream in (ids[:-1], ids[1:]))
        steps_B = (predictions - steps * torch.arange(lanes)).clamp(0, steps)
        return _windows(inputs_BT.T, targets_BT.T, steps_B, self.length)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`nll` in nats, `characters` scored, and `correct`: those to which the model gave the highest probability."""
        return {
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
            "characters": batch.weight.sum(),
            "correct": ((logits.argmax(-1) == batch.targets) * batch.weight).sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        nats = totals["nll"] / totals["characters"]
        return {
            "bits_per_character": nats / math.log(2),
            "nats_per_character": nats,
            "perplexity": math.inf if nats > 700 else math.exp(nats),  # exp overflows beyond 709
            "accuracy": totals["correct"] / totals["characters"],
        }

    def encode(self, text: str) -> list[int]:
        """Ids of the characters of `text`; 0 for each that train does not hold."""
        return self._to_ids(text).tolist()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`; U+FFFD for id 0."""
        return "".join(self.characters[i] for i in ids)

    def _to_ids(self, text: str) -> np.ndarray:
        chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)] or [""]
        codes = (np.frombuffer(chunk.encode("utf-32-le", "surrogatepass"), np.uint32) for chunk in chunks)
        return np.concatenate([self._table[code] for code in codes])


def _check_fractions(splits: Sequence[float]) -> None:
    name = f"task.splits={list(splits)}"
    if len(splits) != 3:
        raise ValueError(f"{name}: give three fractions, of train, valid and test; [0.9, 0.1, 0] for no test split")
    if not (splits[0] > 0 and splits[1] > 0 and splits[2] >= 0):
        raise ValueError(f"{name}: the fractions of train and valid must be above 0, that of test 0 or above")
    if not abs(sum(splits) - 1) < 1e-6:
        raise ValueError(f"{name}: the fractions must sum to 1, these sum to {sum(splits):g}")


def _cut(text: str, splits: Sequence[float]) -> tuple[str, str, str]:
    """Train, valid and test in this order; a test fraction of 0 leaves the whole rest to valid."""
    first = int(len(text) * splits[0])
    second = int(len(text) * (splits[0] + splits[1])) if splits[2] else len(text)
    return text[:first], text[first:second], text[second:]


def _windows(inputs_TB: Tensor, targets_TB: Tensor, steps_B: Tensor, length: int) -> Iterator[Batch]:
    """Cut lanes of `steps_B` real time steps each into windows of `length`, padded where a lane has ended."""
    steps, lanes = inputs_TB.shape
    shortest = int(steps_B.min())
    ones_TB = torch.ones(length, lanes)
    for start in range(0, steps, length):
        end = start + length
        padding = (0, 0, 0, max(0, end - steps))
        lengths = (steps_B - start).clamp(0, length) if end > shortest else None
        yield Batch(
            inputs=F.pad(inputs_TB[start:end], padding).long().contiguous(),
            targets=F.pad(targets_TB[start:end], padding).long().contiguous(),
            weight=ones_TB if lengths is None else (torch.arange(length)[:, None] < lengths).float(),
            fresh=torch.full((lanes,), start == 0),
            lengths=lengths,
        )
