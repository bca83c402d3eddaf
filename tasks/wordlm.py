"""Word language modelling: predict every next word of a real text, out of a vocabulary of frequent words.

Data card. Mikolov, Karafiat, Burget, Cernocky & Khudanpur, "Recurrent neural network based language model",
Interspeech 2010.

Text: as for `charlm`. `builtin` is Python's reference text; `hub:Salesforce/wikitext/wikitext-2-raw-v1` with
`splits: own` is WikiText-2 (Merity, Xiong, Bradbury & Socher, "Pointer sentinel mixture models", ICLR 2017; CC BY-SA);
a folder with `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt` is the Penn Treebank in Mikolov's version (you need a
licence of the Linguistic Data Consortium).

Words: `tokens: word` lower-cases the text and cuts it at Unicode's word boundaries (UAX #29), with contractions in two
and compounds and numbers in their parts (`common.texts.words`). Of scripts without spaces a word is a single character
(Chinese, Japanese) or all that stands between two spaces (Thai, Lao, Khmer, Burmese): divide such texts beforehand.
`space` splits at spaces alone, for texts that are already split into words. The text is in NFC first, so that words
are equal however their marks are spelled (`normalise: none` for the text as it stands). The end of each line, also of
an empty one, is a word of its own, the `<eos>` of the literature.

Vocabulary: `<unk>` and the most frequent words of train. All other words become `<unk>`, which is predicted and scored
as a word, so that perplexities over different vocabularies are not comparable.

In the default text, about a third of the test split's sequences of 32 words are also in train. Use it to compare cells,
but not to compare with other texts.

Splits and batches: as in `charlm`, but in words.

Metric: perplexity, the exponential of the mean of -log p(word | all words before it in its lane). Chance is uniform
over the vocabulary; baselines are those of `charlm`.

Audit (`bench check task=wordlm --audit`, a GRU of 32 units, 300 steps), perplexity: with shuffled labels 111.3 (the
best constant 94.15); in order 27.63, from the end 51.97, in random order 44.24. Of 207 sequences of test 12.1% are in
train and 16.4% near one of it, as 13.9% of train are near others. The text repeats itself, so a part of test has been
trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from bench.api import Metric

from .common.generated import check_range
from .common.texts.stream import Scored, Splits, Stream, read_stream
from .common.texts.vocabulary import Vocabulary
from .common.texts.words import SPLITTERS, WORDS, composed, composed_note, unspaced_note

EOS = "\n"


class WordLM(Stream):
    """The words of `source`, in windows of `length` time steps.

    The vocabulary is `<unk>` and the words that occur at least `min_count` times in train, at most `vocabulary` in all.
    Raises ValueError for options out of range, DataError for a text that cannot be read or is too short.
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
        normalise: Literal["nfc", "none"] = "nfc",
        scored: Scored = "every",
    ) -> None:
        super().__init__(length, splits, scored)
        check_range(2, vocabulary=vocabulary)
        check_range(1, min_count=min_count)
        self._split_line, self._composes = SPLITTERS[tokens], normalise == "nfc"
        corpus, words = read_stream(source, encoding, splits, self.tokens)
        self.vocabulary = Vocabulary.of([words["train"]], vocabulary, min_count)
        ids = {split: np.array(self.vocabulary.encode(words[split]), np.int32) for split in words}
        notes = composed_note(corpus.text) if self._composes else []
        notes += [WORDS, *unspaced_note(corpus.text)] if tokens == "word" else []
        self.set_stream("wordlm-v1", corpus, ids, len(self.vocabulary), [] if source == "builtin" else notes)

    def metric(self, size: int, bits: Mapping[str, float]) -> Metric:
        baselines = {name: 2**score for name, score in bits.items()}
        return Metric("perplexity", "per word", "min", chance=size, baselines=baselines, lowest=1.0)

    def tokens(self, text: str) -> list[str]:
        """The words of `text`, with a newline for each end of a line."""
        words: list[str] = []
        for line in (composed(text) if self._composes else text).split("\n"):
            words += [*self._split_line(line), EOS]
        return words[:-1]  # the last line has no newline

    def encode(self, text: str) -> list[int]:
        """Ids of the words of `text`; 0 for words outside the vocabulary."""
        return self.vocabulary.encode(self.tokens(text))

    def decode(self, ids: Sequence[int]) -> str:
        """The words of `ids`, with spaces between them."""
        return self.separator.join(self.vocabulary.decode(ids))
