"""Translation by an encoder-decoder: read a sentence to its end, then write it in another language.

Data card. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.

Sentences, by `source`:
- `builtin` (`translation-v1`): the numbers from 0 to `largest` in words of two languages, from num2words, but with
  spaces for hyphens and without commas (`eighty one` is `quatre vingt un`). All numbers up to 100 are in train, and
  with them every word. A hash of the number puts a tenth of the others into valid and a tenth into test. Number, order
  and form of the words depend on their neighbours. num2words is LGPL 2.1; another version of it may change words, and
  with them the fingerprint.
- a folder of parallel text (`translation-text-v1`): UTF-8 files `NAME.LANGUAGE`, plain or packed, one sentence on each
  line, for the three names in `files` and both languages; or `NAME.tsv`, a pair a line. The default names are those of
  Multi30k, task 1: 29,000 / 1,014 / 1,000 image captions, for non-commercial research (Elliott et al., "Multi30K:
  multilingual English-German image descriptions", 2016; its French: Elliott et al., "Findings of the second shared task
  on multimodal machine translation and multilingual image description", 2017; https://github.com/multi30k/dataset). One
  caption of valid is also in train.
- a file of pairs (`translation-text-v1`), a line each with a tab between (Tatoeba, Anki): the first two columns
  that are no numbers, or those that a first line names by language. A hash of the source sentence puts a tenth each
  into test and valid, so that a sentence with several translations is on one side.
Pairs of which a side is empty are left out; text is in NFC. The fingerprint is the SHA-256 of the sentences, or of the
files.

Tokens are those of sacrebleu's tokeniser 13a, or characters. Each language has its own vocabulary: the tokens that
occur at least `min_count` times in train, at most `vocabulary` in all. Pairs longer than `longest` on either side, END
included, are left out of train. Outputs: END, unknown, then tokens by frequency. All source sentences in a batch have
the same length.

Metrics, on the outputs that the model decodes by greedy or beam search:
- numbers: exact match, the share of outputs without an error; chance 0, solved 1;
- text: BLEU with sacrebleu's defaults (13a, exponential smoothing, one reference), of lower-cased text with `lower`. A
  word of the reference outside the vocabulary cannot match, since no output can contain it; the score therefore equals
  the score against the original text. Chance is 0.
Also `token_accuracy` and `nll` (nats per token), given the target's previous tokens. The baseline `word_for_word`
replaces each word by its best match in train (`common.texts.lexicon`), in the same order.

Audit (`bench check task=translation --audit`, a GRU of 32 units, 300 steps), exact match: with shuffled labels 0 (the
best constant 0); in order 0.03696, from the end 0.03796, in random order 0.03696. Of 1001 sequences of test none is in
train or near one of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.api import END, Batch, DataError, Metric, Split, TaskSpec, TextTask, Tokens

from .common.files.overlap import shared_with_train
from .common.files.prepared import check_checksum
from .common.generated import check_range
from .common.sequences.ragged import Ragged, by_equal_length
from .common.texts.bleu import bleu_counts, bleu_score
from .common.texts.lexicon import lexicon
from .common.texts.number_words import number_pairs
from .common.texts.sentences import SPLITS, file_pairs, tokenised, tokens_13a
from .common.texts.vocabulary import Vocabulary

_UNKNOWN, _UNKNOWN_WRITTEN = "\N{REPLACEMENT CHARACTER}", "\N{DOUBLE QUESTION MARK}"  # two, so that they never match


class Translation(TextTask):
    """From `source_language` to `target_language`.

    Raises ValueError for options out of range, DataError for files that cannot be read or are not parallel.
    """

    def __init__(
        self,
        source: str = "builtin",
        source_language: str = "en",
        target_language: str = "fr",
        largest: int = 9999,
        files: Sequence[str] = ("train", "val", "test_2016_flickr"),
        tokens: Literal["word", "character"] = "word",
        lower: bool = True,
        vocabulary: int | None = None,
        min_count: int = 1,
        longest: int = 60,
        checksum: str | None = None,
    ) -> None:
        check_range(1, longest=longest, min_count=min_count)
        check_range(2, vocabulary=vocabulary)
        self._lower, self._by_word = lower, tokens == "word"
        self.separator = " " if self._by_word else ""
        languages = source_language, target_language
        data = number_pairs(languages, largest) if source == "builtin" else file_pairs(source, files, languages)
        check_checksum(f"task.source={source}", data.fingerprint, checksum)
        cut_up: Callable[[str], Sequence[str]] = self.tokens
        if self._by_word:
            data, cut_up = tokenised(data, lower), str.split
        cut = {split: [(cut_up(a), cut_up(b)) for a, b in data.pairs[split]] for split in SPLITS}
        cut["train"] = [pair for pair in cut["train"] if max(map(len, pair)) < longest]  # END is one more
        if not cut["train"]:
            raise DataError(f"task.longest={longest}: all pairs of train are longer; raise task.longest")
        sides = {split: tuple(zip(*cut[split], strict=True)) for split in SPLITS}
        self._languages = tuple(Vocabulary.of(side, vocabulary, min_count) for side in sides["train"])
        self._splits: dict[Split, tuple[Ragged, ...]] = {
            split: tuple(known.encode_all(side) for known, side in zip(self._languages, sides[split], strict=True))
            for split in SPLITS
        }
        baselines = {"word_for_word": self._word_for_word()}
        shared = [] if source == "builtin" else shared_with_train("pairs", data.pairs)
        exact = Metric("exact_match", "share", "max", 0.0, 1.0, {k: v["exact_match"] for k, v in baselines.items()})
        bleu_baselines = {k: v["bleu"] for k, v in baselines.items()}
        bleu = Metric("bleu", "BLEU", "max", 0.0, None, bleu_baselines, lowest=0.0, highest=100.0)
        self._spec = TaskSpec(
            id="translation-v1" if source == "builtin" else "translation-text-v1",
            inputs=Tokens(len(self._languages[0])),
            outputs=len(self._languages[1]) + 1,
            reads="sequence",
            metric=exact if source == "builtin" else bleu,
            source=data.origin,
            licence=data.licence,
            fingerprint=data.fingerprint,
            longest=longest,
            notes=(*data.notes, *shared),
        )
        if shared:
            self.expected_failures = {"splits are disjoint": "; ".join(shared)}

    @property
    def spec(self) -> TaskSpec:
        return self._spec

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        """A pass over the split, the sources of a batch of one length; in train in random order."""
        sources, targets = self._splits[split]
        for chosen_B in by_equal_length(sources.lengths, batch_size, generator if split == "train" else None):
            inputs_SB, _ = sources.padded(chosen_B)
            words_UB, words_B = targets.padded(chosen_B)
            time_U1 = torch.arange(len(words_UB) + 1)[:, None]
            yield Batch(
                inputs=inputs_SB,
                targets=torch.where(time_U1 < words_B, F.pad(words_UB, (0, 0, 0, 1)) + 1, END),
                weight=(time_U1 <= words_B).float(),
                lengths=len(inputs_SB) + words_B + 1,
            )

    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Tokens, END among them, those that are the most likely after the right ones before, and nats."""
        return {
            "tokens": batch.weight.sum(),
            "right": ((logits.argmax(-1) == batch.targets) * batch.weight).sum(),
            "nll": (self.loss(logits, batch) * batch.weight).sum(),
        }

    def tally_decoded(self, decoded: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Outputs, those without an error, and the counts of BLEU."""
        totals = Counter(outputs=len(batch.fresh), exact=0)
        for written_U, wanted_U in zip(decoded.T.tolist(), batch.targets.T.tolist(), strict=True):
            written, wanted = self._text(written_U, _UNKNOWN_WRITTEN), self._text(wanted_U, _UNKNOWN)
            totals["exact"] += written == wanted
            tokens = str.split if self._by_word else tokens_13a
            totals.update(bleu_counts(tokens(written), tokens(wanted)))
        return {name: torch.tensor(float(count)) for name, count in totals.items()}

    def scores(self, totals: Mapping[str, float]) -> dict[str, float]:
        tokens = totals["tokens"]
        return _written(totals) | {"token_accuracy": totals["right"] / tokens, "nll": totals["nll"] / tokens}

    def tokens(self, text: str) -> Sequence[str]:
        """The tokens of `text` in either language: words and punctuation marks, or characters."""
        text = text.lower() if self._lower else text
        return tokens_13a(text) if self._by_word else text

    def encode(self, text: str) -> list[int]:
        """Source symbols of `text`; 0 for each token that train does not hold."""
        return self._languages[0].encode(self.tokens(text))

    def unseen(self, text: str) -> set[str]:
        """The tokens of `text` that train does not hold."""
        return set(self.tokens(text)).difference(self._languages[0].tokens)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an output, up to its END."""
        return self._text(ids, _UNKNOWN_WRITTEN)

    def _text(self, ids: Sequence[int], unknown: str) -> str:
        vocabulary = self._languages[1].tokens
        tokens = (vocabulary[i - 1] if i > 1 else unknown for i in takewhile(lambda i: i != END, ids))
        return self.separator.join(tokens)

    def _word_for_word(self) -> dict[str, float]:
        """What a lexicon of train's words scores on test."""
        (sources, targets), (source, target) = self._splits["train"], self._languages
        best = lexicon(sources, targets, len(source), len(target))
        totals: Counter[str] = Counter()
        for batch in self.batches("test", 256, Generator()):
            for name, count in self.tally_decoded(best[batch.inputs] + 1, batch).items():
                totals[name] += int(count)
        return _written(totals)


def _written(totals: Mapping[str, float]) -> dict[str, float]:
    """The scores of what was written without help."""
    return {"exact_match": totals["exact"] / totals["outputs"], "bleu": bleu_score(totals)}
