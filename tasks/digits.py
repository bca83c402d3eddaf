"""Digits as sequences: read an image pixel by pixel, then classify its digit.

Data card. Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015,
section 4.2: sequential and permuted MNIST.

Images, by `source`:
- `builtin`: the 1,797 handwritten digits in scikit-learn, 8 x 8 pixels with ink from 0 to 16. They are the test part of
  Alpaydin & Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository 1998, CC BY 4.0.
- a folder of MNIST's four IDX files, plain or packed (LeCun, Cortes & Burges): 70,000 images of 28 x 28 pixels.
- `hub:ylecun/mnist`: the same from the Hugging Face hub.

Time, by `order`: `pixels`, one pixel at each step, row by row (64 steps; MNIST 784); `permuted`, the same pixels in a
fixed random order, so that neighbours in the image are far apart in time; `rows`, one row at each step (8 steps of 8
features; MNIST 28 of 28). Ink is scaled to [0, 1]. The permutation is one of our own, since none is published.

Splits are stratified by digit and the same in every run. Of the builtin images 20% are test and 10% valid. MNIST has
its own test split, and 10% of its train images are valid. The fingerprint is the SHA-256 of pixels and labels.

Metric: accuracy at the last step. Chance is the share of train's most frequent digit in test, or that of a digit drawn
at random where this is more, about 0.1. The baseline
`ink_histogram` is a linear classifier of the frequency of each shade, which does not depend on the order of the pixels.
For comparison, a linear classifier of all pixels at once scores 0.92 on the builtin images. Published on MNIST by Le et
al.: 0.97 sequential and 0.82 permuted, for a ReLU network with identity initialisation.

Audit (`bench check task=digits --audit`, a GRU of 32 units, 300 steps), accuracy: with shuffled labels 0.09192 (the
best constant 0.1003); in order 0.5209, from the end 0.429, in random order 0.09192. Of 359 sequences of test none is in
train or near one of it.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import torch
from torch import Generator, Tensor

from bench.api import Features, Split

from .common.files.prepared import check_checksum
from .common.images import Images, hub_images, idx_images, sklearn_images
from .common.sequences.classification import Classification, Labelled
from .common.sequences.least_squares import linear_accuracy
from .common.sequences.ragged import Ragged
from .common.sequences.stratified import stratified

_TEST_SEED, _VALID_SEED, _ORDER_SEED = 1, 2, 3
_SHADES = 17


class Digits(Classification):
    """Images of `source` in the given `order`; `checksum` is the fingerprint that the data must have, if any, and
    `split_seed` draws other splits than the task's own.

    Raises DataError for images that cannot be read.
    """

    def __init__(
        self,
        source: str = "builtin",
        order: Literal["pixels", "permuted", "rows"] = "pixels",
        checksum: str | None = None,
        split_seed: int | None = None,
    ) -> None:
        images, origin, licence, notes = _read(source, split_seed)
        fingerprint = _fingerprint(images if split_seed is None else _read(source)[0])  # of the data, however split
        check_checksum(f"task.source={source}", fingerprint, checksum)
        data = {split: _sequences(part, order) for split, part in images.items()}
        train, test = images["train"], images["test"]
        ink_histogram = linear_accuracy(_histogram(train), train.labels, _histogram(test), test.labels)
        self.set_data(
            id="digits-v1",
            inputs=Features(data["train"].sequences.values.shape[1]),
            classes=[str(digit) for digit in range(10)],
            splits=data,
            source=origin,
            licence=licence,
            fingerprint=fingerprint,
            baselines={"ink_histogram": ink_histogram},
            notes=notes,
        )


def _read(source: str, split_seed: int | None = None) -> tuple[dict[Split, Images], str, str, list[str]]:
    """The images of each split, where they come from, under which licence, and what is said of how they were read."""
    notes: list[str] = []
    if source == "builtin":
        everything = sklearn_images()
        test_N = stratified(everything.labels, 0.2, _TEST_SEED, split_seed)
        given = {"train": _pick(everything, ~test_N), "test": _pick(everything, test_N)}
        valid_share, origin, licence = 1 / 8, "scikit-learn's digits (Alpaydin & Kaynak, UCI 1998)", "CC BY 4.0"
    elif source.startswith("hub:"):
        given, valid_share, origin = hub_images(source), 0.1, source
        licence = "as its page on the hub states"
    else:
        given, note = idx_images(source)
        valid_share, origin, licence = 0.1, f"local folder {source}", "not stated (local files)"
        notes = [note]
    train = given["train"]
    valid_N = stratified(train.labels, valid_share, _VALID_SEED, split_seed)
    splits: dict[Split, Images] = {
        "train": _pick(train, ~valid_N),
        "valid": _pick(train, valid_N),
        "test": given["test"],
    }
    return splits, origin, licence, notes


def _pick(images: Images, chosen_N: Tensor) -> Images:
    return Images(images.pixels[chosen_N], images.labels[chosen_N])


def _sequences(images: Images, order: str) -> Labelled:
    count, rows, columns = images.pixels.shape
    values_NTF = images.pixels if order == "rows" else images.pixels.view(count, -1, 1)
    if order == "permuted":
        values_NTF = values_NTF[:, torch.randperm(rows * columns, generator=Generator().manual_seed(_ORDER_SEED))]
    steps, features = values_NTF.shape[1:]
    sequences = Ragged(values_NTF.reshape(-1, features), torch.arange(count + 1) * steps)
    return Labelled(sequences, images.labels)


def _histogram(images: Images) -> Tensor:
    """The share of pixels of each of 17 shades, `[N, 17]`."""
    shade_NP = (images.pixels.flatten(1) * (_SHADES - 1)).round().long()
    return torch.stack([(shade_NP == shade).float().mean(1) for shade in range(_SHADES)], dim=1)


def _fingerprint(images: dict[Split, Images]) -> str:
    digest = hashlib.sha256()
    for split in ("train", "valid", "test"):
        digest.update(images[split].pixels.numpy().tobytes() + images[split].labels.numpy().tobytes())
    return digest.hexdigest()
