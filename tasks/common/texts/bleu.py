"""BLEU (Papineni et al., ACL 2002) of a corpus, from counts that add up over sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sacrebleu.metrics.bleu import BLEU

__all__ = ["bleu_counts", "bleu_score"]

_ORDERS = (1, 2, 3, 4)


def bleu_counts(hypothesis: Sequence[str], reference: Sequence[str]) -> Counter[str]:
    """Counts by name: for n from 1 to 4 the sentence's n-grams (`written_n`) and those also in the reference
    (`matched_n`), and the reference's tokens.
    """
    counts = Counter(reference_tokens=len(reference))
    for n in _ORDERS:
        written, wanted = _ngrams(hypothesis, n), _ngrams(reference, n)
        counts[f"written_{n}"] = written.total()
        counts[f"matched_{n}"] = (written & wanted).total()
    return counts


def bleu_score(counts: Mapping[str, float]) -> float:
    """BLEU, 0 to 100, of sums of `bleu_counts`; computed and smoothed as sacrebleu does by default."""
    matched, written = ([round(counts[f"{what}_{n}"]) for n in _ORDERS] for what in ("matched", "written"))
    return BLEU.compute_bleu(matched, written, written[0], round(counts["reference_tokens"]), smooth_method="exp").score


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
