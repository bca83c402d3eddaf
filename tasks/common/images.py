"""Digit images: scikit-learn's own, MNIST's IDX files, and MNIST on the Hugging Face hub."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.api import DataError

from .files.folders import Walk, walk
from .files.hub import hub_rows
from .files.reading import find, read_unpacked

__all__ = ["Images", "hub_images", "idx_images", "read_idx", "sklearn_images"]

_REMEDY = "download the IDX files and name their folder: task.source=path/to/folder"
_FILES = {"train": "train", "test": "t10k"}
_DEPTH = 3  # torchvision puts the files into MNIST/raw/


@dataclass(frozen=True)
class Images:
    """Images `[N, rows, columns]`, from 0 (paper) to 1 (ink), and the digit that each shows, `[N]`."""

    pixels: Tensor
    labels: Tensor


def sklearn_images() -> Images:
    """The 1,797 images of 8 x 8 pixels that scikit-learn carries."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Images(torch.from_numpy(digits.images).float() / 16, torch.from_numpy(digits.target).long())


def idx_images(source: str) -> tuple[dict[str, Images], str]:
    """Train and test from a folder of MNIST's four files, plain or packed, named as LeCun, Cortes & Burges name them or
    as those who copied them do (`train-images.idx3-ubyte`, in `raw/`); and which files were read.

    Raises DataError for a missing file, one that is no IDX file, and images and labels that do not go together.
    """
    folder = find(source, "give builtin, hub:ylecun/mnist, or a folder of MNIST's IDX files", "folder")
    there = walk(folder, depth=_DEPTH)
    pairs = {
        split: (_find(there, f"{stem}-images-idx3-ubyte"), _find(there, f"{stem}-labels-idx1-ubyte"))
        for split, stem in _FILES.items()
    }
    read = [path for pair in pairs.values() for path in pair]
    note = replace(there, files=read, others=[path for path in there.files if path not in read]).note()
    return {split: _idx_split(folder, _FILES[split], *pair) for split, pair in pairs.items()}, note


def _idx_split(folder: Path, stem: str, images: Path, answers: Path) -> Images:
    pixels, labels = read_idx(images, dimensions=3), read_idx(answers, dimensions=1)
    if len(pixels) != len(labels):
        raise DataError(f"{folder}: {stem} has {len(pixels)} images and {len(labels)} labels; fetch the files again")
    if (wrong := np.flatnonzero(labels > 9)).size:
        raise DataError(
            f"{folder}: label {labels[wrong[0]]} of {stem} image {wrong[0]} is out of range 0 to 9; fetch it again"
        )
    return Images(torch.from_numpy(pixels).float() / 255, torch.from_numpy(labels).long())


def _find(there: Walk, name: str) -> Path:
    """The file of that name, however its parts are joined: of several the plain one, and the one that is least deep."""
    joined = re.compile("[-._]".join(name.split("-")) + r"(\.(gz|bz2|xz|zip))?", re.IGNORECASE)
    found = [path for path in there.files if joined.fullmatch(path.name)]
    if not found:
        raise DataError(f"{there.folder}: has no file {name} or {name}.gz; put MNIST's four IDX files there")
    return min(found, key=lambda path: (len(path.parts), len(path.name), path))


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The bytes of an IDX file, plain or `.gz`, shaped as its header says.

    The header is two zero bytes, 8 for unsigned bytes, the number of dimensions, and each one's size as a big-endian
    32-bit integer. Raises DataError for any other.
    """
    content = read_unpacked(path)
    head = 4 + 4 * dimensions
    if len(content) < head or content[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(
            f"{path}: begins with 0x{content[:4].hex()}, not with 0x0000080{dimensions} "
            f"(IDX, unsigned bytes, {dimensions} dimensions); name MNIST's own file"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) - head != math.prod(shape):
        raise DataError(
            f"{path}: {len(content) - head} bytes of data, its header {shape} needs {math.prod(shape)}; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()


def hub_images(source: str) -> dict[str, Images]:
    """Train and test of a hub data set with the columns `image` and `label`, such as `hub:ylecun/mnist`."""
    return {split: _hub_split(source, split) for split in _FILES}


def _hub_split(source: str, split: str) -> Images:
    try:
        from PIL import Image
    except ImportError:
        raise DataError(f"task.source={source}: needs `pip install pillow`; or {_REMEDY}") from None
    from datasets import Image as ImageColumn  # type: ignore[import-untyped]

    rows = hub_rows(source, split, {"image": "PIL.Image.Image", "label": "int64"}, _REMEDY)
    encoded = rows.cast_column("image", ImageColumn(decode=False))["image"]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(each["bytes"])).convert("L")) for each in encoded])
    labels = torch.tensor(rows["label"][:])
    if not bool(((labels >= 0) & (labels <= 9)).all()):
        raise DataError(f"task.source={source}: its {split} split has labels out of range 0 to 9; {_REMEDY}")
    return Images(torch.from_numpy(pixels).float() / 255, labels)
