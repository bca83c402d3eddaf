"""A stream of symbols in lanes and windows, the data of language models: each symbol is predicted from the past."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.api import Batch, DataError, Metric, Split, TaskSpec, TextTask, Tokens

from ..fractions import check_fractions, cut_points
from .ngram import entropies
from .text import Corpus, join, read_splits, read_text

__all__ = ["SCORED_LANES", "Splits", "Stream", "read_stream"]

SCORED_LANES = 16
_WINDOWS_AT_ONCE = 128
"""Windows in a batch of valid and test, where each is scored at its last step alone."""

Scored = Literal["every", "last"]
"""The time steps of a window that are scored."""

Splits = Sequence[float] | str
"""Fractions of train, valid and test in this order, or `own`: the source has the three apart."""


class Stream(TextTask):
    """A task over the symbols of a text, in windows of `length` time steps; a subclass hands them to `set_stream`.

    Lanes are read side by side and go on from batch to batch, so the state is to be carried; only the first batch of a
    pass is `fresh`. The targets are the inputs' next symbols.
    - train: `batch_size` lanes, a pass an epoch. Symbols that do not fill one more window of every lane are left out.
      In each pass the generator decides how many are left out at the start of the text and how many at its end.
    - valid and test: SCORED_LANES lanes for any batch size (fewer where they would be shorter than a window). Every
      symbol but the first of the split is scored exactly once; padding at the end has weight 0.

    With `scored="last"` each window is a sequence of its own, all lanes `fresh`, and its last step alone has a loss: of
    `length` known symbols the next one is predicted. Valid and test then have a window for each symbol but the first
    `length` of the split.
    """

    unit: ClassVar[str]
    """The unit of a symbol: `character` or `word`."""

    def __init__(self, length: int, splits: Splits, scored: Scored = "every") -> None:
        if length < 1:
            raise ValueError(f"task.length={length}: a window needs at least 1 time step")
        _check_splits(splits)
        self.length, self.splits, self.scored = length, splits, scored

    def set_stream(
        self, id: str, corpus: Corpus, ids: Mapping[Split, np.ndarray], size: int, notes: Sequence[str] = ()
    ) -> None:
        """Take the symbols of each split, integers in `[0, size)`; DataError where one is shorter than a window.

        Test may be empty if its fraction is 0. Baselines are fitted to train and scored on test, else on valid.
        """
        own = isinstance(self.splits, str)
        for split, symbols in ids.items():
            if len(symbols) <= self.length and (len(symbols) or split != "test" or own):
                part = "" if own else f"its part of task.splits={list(self.splits)} larger, "
                raise DataError(
                    f"{corpus.name}: the {split} split has {len(symbols)} {self.unit}s, one window needs "
                    f"{self.length + 1}; set task.length smaller, {part}or name more text"
                )
        self._ids = ids
        scored = ids["test"] if len(ids["test"]) else ids["valid"]
        if self.scored == "last":
            scored = scored[self.length - 1 :]
        self._spec = TaskSpec(
            id=id,
            inputs=Tokens(size),
            outputs=size,
            reads="last_step" if self.scored == "last" else "every_step",
            metric=self.metric(size, entropies(ids["train"], scored, size)),
            source=corpus.origin,
            licence=corpus.licence,
            fingerprint=corpus.fingerprint,
            notes=(*corpus.notes, *notes),
        )

    @abstractmethod
    def metric(self, size: int, bits: Mapping[str, float]) -> Metric:
        """The metric over `size` symbols, given what n-gram models score in bits a symbol."""

    @property
    def spec(self) -> TaskSpec:
        return self._spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        ids = torch.from_numpy(self._ids[split])
        if split == "train":
            windows = self._train(ids, batch_size, generator)
            return map(_last_alone, windows) if self.scored == "last" else windows
        if self.scored == "last":
            return self._each(ids)
        return self._scored(ids) if len(ids) else iter(())

    def _train(self, ids: Tensor, lanes: int, generator: Generator) -> Iterator[Batch]:
        windows, left_over = divmod(len(ids) - 1, lanes * self.length)
        if not windows:
            raise DataError(
                f"the train split has {len(ids)} {self.unit}s, one window for each of batch_size={lanes} lanes needs "
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

    def _each(self, ids: Tensor) -> Iterator[Batch]:
        """A window before each symbol but the first `length`."""
        for first in range(0, len(ids) - self.length, _WINDOWS_AT_ONCE):
            part = ids[first : first + _WINDOWS_AT_ONCE + self.length]
            symbols_TB = part.unfold(0, self.length + 1, 1).T.long().contiguous()
            yield _last_alone(Batch(symbols_TB[:-1], symbols_TB[1:], torch.ones(self.length, symbols_TB.shape[1])))

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`nll` in nats, symbols scored, and `correct`: the symbols for which the model's likeliest one was right."""
        return {
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
            f"{self.unit}s": batch.weight.sum(),
            "correct": ((logits.argmax(-1) == batch.targets) * batch.weight).sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        """Bits, nats and perplexity a symbol, and accuracy."""
        symbols = totals[f"{self.unit}s"]
        nats = totals["nll"] / symbols
        return {
            f"bits_per_{self.unit}": nats / math.log(2),
            f"nats_per_{self.unit}": nats,
            "perplexity": math.inf if nats > 700 else math.exp(nats),  # exp overflows beyond 709
            "accuracy": totals["correct"] / symbols,
        }


def read_stream(
    source: str | Sequence[str], encoding: str, splits: Splits, symbols: Callable[[str], Any] = str
) -> tuple[Corpus, dict[Split, Any]]:
    """The text of `source` and its splits, each the result of `symbols` on a text: by default its characters.

    Splits are cut at fractions of the symbols, rounded down; with a test fraction of 0 all the rest is valid. Raises
    as `read_text` and `read_splits` do.
    """
    if isinstance(splits, str):
        parts = read_splits(source, encoding)
        return join(list(parts.values())), {split: symbols(part.text) for split, part in parts.items()}
    corpus = read_text(source, encoding)
    whole = symbols(corpus.text)
    first, second = cut_points(len(whole), splits)
    return corpus, {"train": whole[:first], "valid": whole[first:second], "test": whole[second:]}


def _check_splits(splits: Splits) -> None:
    if splits == "own":
        return
    if isinstance(splits, str):
        raise ValueError(f"task.splits={splits}: give three fractions, as [0.9, 0.05, 0.05], or own")
    check_fractions(splits)


def _last_alone(batch: Batch) -> Batch:
    """The windows as sequences of their own, scored at the last step."""
    weight_TB = torch.zeros_like(batch.weight)
    weight_TB[-1] = 1
    return replace(batch, weight=weight_TB, fresh=torch.ones_like(batch.fresh))


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
