"""Time series classification: any data set of the UEA and UCR archives, and cylinder, bell, funnel.

Data card. Bagnall et al., "The UEA multivariate time series classification archive, 2018" (arXiv 1811.00075); Dau et
al., "The UCR time series archive", IEEE/CAA Journal of Automatica Sinica 2019.

Series, by `source`:
- `builtin`: cylinder-bell-funnel, generated (Saito, "Local feature extraction and its application using a library of
  bases", thesis, Yale 1994; CBF in the UCR archive). For 128 time steps of white noise, from step a to step b
  a level of 6 + n is added: constant (cylinder), rising from 0 (bell) or falling to 0 (funnel), with n standard normal,
  a uniform in [16, 32], b - a uniform in [32, 96]. 600 series in train, 300 in valid, 900 in test.
- a folder of one `*_TRAIN.ts` and one `*_TEST.ts`, with any number of dimensions and any lengths. So Japanese Vowels:
  12 LPC cepstrum coefficients of 7 to 29 frames, one of 9 speakers saying /ae/, 270 train and 370 test utterances
  (Kudo, Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", Pattern Recognition
  Letters 20, 1999). Or of a pair `.tsv`, `.txt`, `.csv` or without a suffix, as the UCR archive has them: a series of
  one dimension a line, its class first; NaN at a line's end pads a shorter series.

Splits: train and test as the files say; classes are train's, and a test with another one is refused. Archives have no
valid split: `valid_share` of train, the same share of each class and the same series in every run. The fingerprint is
the SHA-256 of both files.

Features: scaled per dimension to mean 0 and variance 1, over train's time steps (`normalise: corpus`) or over each
series alone (`series`, as the UCR archive did with its univariate series), or not scaled (`none`).

Metric: accuracy at the last real step. Chance is the share of train's most frequent class in test, or that of a class
drawn at random where this is more. The baseline `mean_features` is a linear classifier of each series' mean over time:
it cannot tell a bell from a funnel.

Audit (`bench check task=uea --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 0.3344 (the best
constant 0.3333); in order 0.9922, from the end 0.9889, in random order 0.5744. Of 900 sequences of test none is in
train or near one of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Generator, Tensor

from bench.api import DataError, Features, Split, file_hash

from .common.files.overlap import shared_with_train
from .common.files.prepared import check_checksum
from .common.fractions import check_share
from .common.sequences.archive import read_problem
from .common.sequences.classification import Classification, Labelled
from .common.sequences.normalise import By, mean_accuracy, normalised, spread_notes
from .common.sequences.ragged import Ragged
from .common.sequences.stratified import refuse_drawn, stratified
from .common.sequences.ts import Series

_SIZES: dict[Split, int] = {"train": 600, "valid": 300, "test": 900}
_STEPS = 128
_SEED, _VALID_SEED = 1, 2


class UEA(Classification):
    """The series of `source`; `checksum` is the fingerprint that the files must have, if any, and `split_seed` draws
    another valid split of files than the task's own.

    `missing` values are refused, or filled with the last known one. Raises ValueError for options out of range,
    DataError for files that cannot be read or do not belong together.
    """

    def __init__(
        self,
        source: str = "builtin",
        valid_share: float = 0.15,
        normalise: Literal["none", "series", "corpus"] = "corpus",
        missing: Literal["refuse", "fill"] = "refuse",
        checksum: str | None = None,
        split_seed: int | None = None,
    ) -> None:
        check_share(valid_share=valid_share)
        classes: Sequence[str] = ("cylinder", "bell", "funnel")
        fingerprint = None
        notes: list[str] = []
        shared: list[str] = []
        by: By = "sequence" if normalise == "series" else normalise
        if source == "builtin":
            refuse_drawn(split_seed)
            origin, licence, data = "generated; Saito 1994", "none needed", cylinder_bell_funnel()
        else:
            problem = read_problem(source, missing)
            origin, licence = f"local folder {source}", "not stated (local files)"
            fingerprint = file_hash(*problem.paths)
            classes, data = problem.train.classes, _split(problem.train, problem.test, valid_share, split_seed)
            notes = [*problem.notes, *spread_notes(data, by, "channel")]
            shared = shared_with_train("series", {split: _contents(part.sequences) for split, part in data.items()})
        check_checksum(f"task.source={source}", fingerprint or "none (generated data)", checksum)
        self.set_data(
            id="uea-v1",
            inputs=Features(data["train"].sequences.values.shape[1]),
            classes=classes,
            splits=normalised(data, by),
            source=origin,
            licence=licence,
            fingerprint=fingerprint,
            baselines={"mean_features": mean_accuracy(data["train"], data["test"])},
            notes=notes,
            shared=shared,
        )


def _contents(sequences: Iterable[Tensor]) -> list[bytes]:
    return [each.numpy().tobytes() for each in sequences]


def cylinder_bell_funnel() -> dict[Split, Labelled]:
    """The generated series `[128, 1]`, the classes in turn."""
    generator = Generator().manual_seed(_SEED)
    return {split: _cbf_split(size, generator) for split, size in _SIZES.items()}


def _cbf_split(size: int, generator: Generator) -> Labelled:
    labels_N = torch.arange(size) % 3
    start_N1 = torch.randint(16, 33, (size, 1), generator=generator)
    length_N1 = torch.randint(32, 97, (size, 1), generator=generator)
    level_N1 = 6 + torch.randn(size, 1, generator=generator)
    noise_NT = torch.randn(size, _STEPS, generator=generator)
    passed_NT = (torch.arange(1, _STEPS + 1) - start_N1) / length_N1
    rise_NT = torch.stack([torch.ones_like(passed_NT), passed_NT, 1 - passed_NT])[labels_N, torch.arange(size)]
    inside_NT = (passed_NT >= 0) & (passed_NT <= 1)
    values_NT = level_N1 * rise_NT * inside_NT + noise_NT
    return Labelled(Ragged(values_NT.reshape(-1, 1), torch.arange(size + 1) * _STEPS), labels_N)


def _split(train: Series, test: Series, valid_share: float, split_seed: int | None) -> dict[Split, Labelled]:
    valid_N = stratified(train.labels, valid_share, _VALID_SEED, split_seed)
    return {
        "train": _pick(train, ~valid_N),
        "valid": _pick(train, valid_N),
        "test": _pick(test, torch.ones(len(test.labels), dtype=torch.bool)),
    }


def _pick(series: Series, chosen_N: Tensor) -> Labelled:
    sequences = [each for each, chosen in zip(series.sequences, chosen_N.tolist(), strict=True) if chosen]
    if not sequences:
        raise DataError(
            f"{series.name}: task.valid_share leaves train or valid empty, of {len(chosen_N)} series; change it"
        )
    return Labelled(Ragged.of(sequences), series.labels[chosen_N])
