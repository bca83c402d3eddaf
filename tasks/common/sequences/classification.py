"""Classification of whole sequences: the output at each sequence's last real step is the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from bench.api import Batch, DataError, Features, Metric, Split, Task, TaskSpec, Tokens

from .ragged import Ragged, by_length

__all__ = ["Classification", "Labelled"]


@dataclass(frozen=True)
class Labelled:
    """Sequences of symbols `[T]` or features `[T, F]`, and the class of each, `labels [N]`."""

    sequences: Ragged
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Classification(Task):
    """A task with one class for each sequence, predicted at its end; a subclass passes its data to `set_data`.

    The metric is accuracy; `nll` is the negative log-likelihood in nats. Chance is the better of two answers that
    ignore the input, in test (in valid where there is no test): train's most frequent class, or any class at random.
    """

    classes: Sequence[str]
    """Names of the classes, by number."""

    def set_data(
        self,
        id: str,
        inputs: Tokens | Features,
        classes: Sequence[str],
        splits: Mapping[Split, Labelled],
        source: str,
        licence: str,
        fingerprint: str | None = None,
        baselines: Mapping[str, float] | None = None,
        solved: float | None = None,
        notes: Sequence[str] = (),
        shared: Sequence[str] = (),
        rate: float | None = None,
    ) -> None:
        """Take the data; `shared` are notes on what a user's train and another split have in common, which is told and
        not refused. The `rate` is the spec's. Raises DataError where train or valid has no sequence, and for a wrong
        sequence or label.
        """
        for split in ("train", "valid"):
            if not len(splits.get(split, ())):
                raise DataError(f"{id}: the {split} split is empty; name more data, or another way to split it")
        for split, data in splits.items():
            _check(f"{id}, {split}", data, len(classes))
        self.classes, self._splits = classes, splits
        scored = splits.get("test") or splits["valid"]
        commonest = splits["train"].labels.bincount(minlength=len(classes)).argmax()
        chance = max((scored.labels == commonest).double().mean().item(), 1 / len(classes))
        if notes and len(splits["train"].labels.unique()) < 2:
            notes = (*notes, f"all of train is of one class, {classes[int(commonest)]}: there is nothing to learn")
        metric = Metric("accuracy", "share", "max", chance=chance, solved=solved, baselines=baselines or {})
        self._spec = TaskSpec(
            id, inputs, len(classes), "last_step", metric, source, licence, fingerprint, 0, (*notes, *shared), rate
        )
        if shared:
            self.expected_failures = {"splits are disjoint": "; ".join(shared)}

    @property
    def spec(self) -> TaskSpec:
        return self._spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """A pass over the split: batches of similar length, in train shuffled."""
        data = self._splits.get(split)
        if data is None:
            return
        order = by_length(data.sequences.lengths, batch_size, generator if split == "train" else None)
        for chosen_B in order:
            inputs, lengths_B = data.sequences.padded(chosen_B)
            yield last_step(inputs, data.labels[chosen_B], lengths_B)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {
            "right": ((logits.argmax(-1) == batch.targets) * batch.weight).sum(),
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
            "sequences": batch.weight.sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        sequences = totals["sequences"]
        return {"accuracy": totals["right"] / sequences, "nll": totals["nll"] / sequences}


def _check(place: str, data: Labelled, classes: int) -> None:
    """Raise DataError for a sequence without a time step, and for a label out of range."""
    if (empty := (data.sequences.lengths == 0).nonzero()).numel():
        raise DataError(f"{place}: sequence {int(empty[0])} has no time step; remove it from the data")
    if (wrong := ((data.labels < 0) | (data.labels >= classes)).nonzero()).numel():
        number = int(wrong[0])
        label = int(data.labels[number])
        raise DataError(f"{place}: label {label} of sequence {number} is out of range 0 to {classes - 1}; correct it")


def last_step(inputs: Tensor, labels_B: Tensor, lengths_B: Tensor) -> Batch:
    """A batch of fresh lanes, padded at their ends; only the last real step of each lane has weight 1."""
    steps, lanes = inputs.shape[:2]
    weight_TB = torch.zeros(steps, lanes)
    weight_TB[lengths_B - 1, torch.arange(lanes)] = 1
    return Batch(
        inputs=inputs,
        targets=labels_B.expand(steps, lanes),
        weight=weight_TB,
        lengths=lengths_B,
    )
