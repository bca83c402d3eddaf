"""Prepared data on the disk: costly data is made once from its source, and found again by a hash of its recipe."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.api import DataError, cache_folder

__all__ = ["check_checksum", "prepared"]

_HASH = "sha256"

_log = logging.getLogger("bench")


def prepared(name: str, recipe: Mapping[str, Any], make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of `make`, read from the disk where they were prepared before.

    `recipe` has everything that decides the tensors: the source's hash, the options, and a version to raise with the
    code of `make`. A file appears by one rename, so it is whole even if processes are killed or prepare it in parallel.
    A file states the hash of its tensors: one that was altered, or cannot be read, is made again. A folder that cannot
    be written only causes a warning.
    """
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    path = cache_folder() / f"{name}-{digest[:20]}.safetensors"
    _log.debug("prepared data: %s", path)
    if (found := _read(path)) is not None:
        return found
    tensors = {key: tensor.contiguous() for key, tensor in make().items()}
    try:
        _write(path, save(tensors, {_HASH: _hash(tensors)}))
    except OSError as error:
        _log.warning("prepared data is not kept: %s (%s); set BENCH_CACHE to a folder", path.parent, error.strerror)
    return tensors


def _read(path: Path) -> dict[str, Tensor] | None:
    """The tensors in a file; None where there is none, or one that does not hold what it was written with."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  it is no dictionary
            stated = (file.metadata() or {}).get(_HASH)
    except (OSError, SafetensorError):
        return None
    if stated == _hash(tensors):
        return tensors
    _log.warning("prepared data was altered, or is of an older version, and is made again: %s", path)
    return None


def _hash(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(tensors):
        tensor = tensors[key]
        digest.update(f"{key} {tensor.dtype} {[*tensor.shape]}\0".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(path: Path, content: bytes) -> None:
    if str(path).startswith("~"):  # which no home has replaced, as in some containers
        raise FileNotFoundError(errno.ENOENT, "there is no home folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def check_checksum(name: str, found: str, expected: str | None) -> None:
    """Raise DataError, naming both hashes, where the data's fingerprint is not the `expected` one; None expects any."""
    if expected is not None and found != expected:
        raise DataError(
            f"{name}: the data's SHA-256 is {found}, task.checksum says {expected}; "
            "fetch the data again, or set task.checksum=null to take it as it is"
        )
