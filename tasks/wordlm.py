"""Word language modelling: predict each next word of a real text, out of a vocabulary cut to the frequent ones.

Data card. Mikolov, Karafiat, Burget, Cernocky & Khudanpur, "Recurrent neural network based language model",
Interspeech 2010.

Text: as for `charlm`. `builtin` is Python's reference text; `hub:Salesforce/wikitext/wikitext-2-raw-v1` with
`splits: own` is WikiText-2 (Merity, Xiong, Bradbury & Socher, "Pointer sentinel mixture models", ICLR 2017; CC BY-SA);
a folder with `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt` is the Penn Treebank as Mikolov cut it (the licence is
the Linguistic Data Consortium's, and its user's to have).

Words: `tokens: word` splits at spaces and around punctuation, in lower case, as `tasks.common.vocabulary.words` does;
`space` takes what stands between spaces as it is, which is how texts that were split before are read. Each end of a
line, also of an empty one, is a word of its own, the `<eos>` of the literature.

Vocabulary: `<unk>`, and the most frequent words of train. All others count as `<unk>`, which is predicted and scored as
a word: the perplexities of two vocabularies do not compare.

Of the default's test split's stretches of 32 words about a third stand in train too: compare cells by it, not texts.

Splits and batches: as `tasks.common.stream.Stream` cuts them, in words.

Metric: perplexity, the exponential of the mean of -log p(word | all before it in its lane). Chance is uniform over the
vocabulary; baselines as for `charlm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from bench.api import Metric

from .common.generated import check_range
from .common.stream import Splits, Stream, read_stream
from .common.vocabulary import SPLITTERS, Vocabulary

EOS = "\n"


class WordLM(Stream):
    """The words of `source`, in windows of `length` time steps.

    The vocabulary is `<unk>` and train's words that occur `min_count` times, `vocabulary` of them at most. Raises
    ValueError for options out of range, DataError for a text that cannot be read or is too short.
    """

    unit = "word"
    separator = " "

    def __init__(
        self,
        source: str | list[str] = "builtin",
        encoding: str = "utf-8",
        length: int = 32,
        splits: Splits = (0.9, 0.05, 0.05),
        tokens: Literal["word", "space"] = "word",
        vocabulary: int | None = 2000,
        min_count: int = 1,
    ) -> None:
        super().__init__(length, splits)
        check_range(2, vocabulary=vocabulary)
        check_range(1, min_count=min_count)
        self._split_line = SPLITTERS[tokens]
        corpus, words = read_stream(source, encoding, splits, self.tokens)
        self.vocabulary = Vocabulary.of([words["train"]], vocabulary, min_count)
        ids = {split: np.array(self.vocabulary.encode(words[split]), np.int32) for split in words}
        self.set_stream("wordlm-v1", corpus, ids, len(self.vocabulary))

    def metric(self, size: int, bits: Mapping[str, float]) -> Metric:
        baselines = {name: 2**score for name, score in bits.items()}
        return Metric("perplexity", "per word", "min", chance=size, baselines=baselines)

    def tokens(self, text: str) -> list[str]:
        """The words of `text`, with a newline for each end of a line."""
        words: list[str] = []
        for line in text.split("\n"):
            words += [*self._split_line(line), EOS]
        return words[:-1]  # no line ends where the text does

    def encode(self, text: str) -> list[int]:
        """Ids of the words of `text`; 0 for each that has none."""
        return self.vocabulary.encode(self.tokens(text))

    def decode(self, ids: Sequence[int]) -> str:
        """The words of `ids`, with spaces between them."""
        return self.separator.join(self.vocabulary.decode(ids))
