"""Hello, a toy of four letters: after h comes e, after he l, after hel l, after hell o.

Data card. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015. Nothing is drawn or held out:
train, valid and test are the same four pairs of letters, and a pass over each is one sequence of four time steps. The
letters come as one-hot vectors (`model.embedding: 0`).

Metric: accuracy over the four letters. The constant l scores 0.5. The baseline `bigram` sees only the last letter,
cannot tell hel from hell, and scores 0.75; a score of 1 needs memory. `python -m bench sample hello --prompt hell
--confidences` shows a trained run's probability of each next letter.

Audit (`bench check task=hello --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 1 (the best
constant 0.5); in order 1, from the end 1, in random order 1. Test is train. The toy is one word, read in one order:
labels tell themselves by their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Generator, Tensor

from bench.api import Batch, Metric, Split, TaskSpec, TextTask, Tokens

_WORD = "hello"
_LETTERS = "helo"


class Hello(TextTask):
    """Predict each next letter of `hello` from the letters before it."""

    expected_failures: Mapping[str, str] = {
        "splits are disjoint": "the toy is one word, which is trained on, selected by and scored"
    }
    spec = TaskSpec(
        id="hello-v1",
        inputs=Tokens(len(_LETTERS)),
        outputs=len(_LETTERS),
        reads="every_step",
        metric=Metric("accuracy", "share", "max", chance=0.5, solved=1.0, baselines={"bigram": 0.75}),
        source="one word",
        licence="none needed",
    )

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """The word, once."""
        ids_TB = torch.tensor(self.encode(_WORD))[:, None]
        weight_TB = torch.ones(len(_WORD) - 1, 1)
        yield Batch(ids_TB[:-1], ids_TB[1:], weight_TB)

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {
            "right": ((logits.argmax(-1) == batch.targets) * batch.weight).sum(),
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
            "letters": batch.weight.sum(),
        }

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        letters = totals["letters"]
        return {"accuracy": totals["right"] / letters, "nll": totals["nll"] / letters}

    def encode(self, text: str) -> list[int]:
        """The number of each letter; h for any that is not one of the four, as there is no number for others."""
        return [max(_LETTERS.find(letter), 0) for letter in text]

    def decode(self, ids: Sequence[int]) -> str:
        """The letters of `ids`."""
        return "".join(_LETTERS[i] for i in ids)
