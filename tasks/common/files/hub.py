"""Data sets of the Hugging Face hub, named `hub:<owner>/<name>[/<configuration>][@<revision>]`."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.api import DataError

from .reading import reason

__all__ = ["hub_origin", "hub_rows"]


def hub_rows(source: str, split: str, columns: Mapping[str, str], remedy: str) -> Any:
    """The rows of a split as a `datasets.Dataset`, from the hub's own cache or downloaded.

    `columns` gives the type that each needed column must have (`string`, `int64`, `nested`, ...); `remedy` ends each
    message. Raises ValueError for an ill-formed source, DataError for one that cannot be read or lacks a column.
    """
    dataset_id, configuration, revision = _parts(source)
    if Path(dataset_id).exists():  # `datasets` would silently prefer it to the hub's
        raise DataError(f"task.source={source}: a local {dataset_id} hides the hub's; for the local one drop the hub:")
    try:
        import datasets  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(f"task.source={source}: needs `pip install datasets`; or {remedy}") from None
    hub_log = logging.getLogger("huggingface_hub")
    level = hub_log.level
    hub_log.setLevel(logging.ERROR)  # two lines for each of its retries would bury ours
    try:
        rows = datasets.load_dataset(dataset_id, configuration, revision=revision, split=split)
    except Exception as error:  # the hub, its client, HTTP and file formats each have their own kinds
        raise DataError(f"task.source={source}: cannot read it from the hub ({reason(error)}); {remedy}") from error
    finally:
        hub_log.setLevel(level)
    found = {
        name: getattr(feature, "dtype", "nested").removeprefix("large_") for name, feature in rows.features.items()
    }
    for name, kind in columns.items():
        if found.get(name) != kind:
            have = ", ".join(f"{column} ({dtype})" for column, dtype in found.items())
            raise DataError(f"task.source={source}: has no column {name} of type {kind}, only {have}; {remedy}")
    return rows


def hub_origin(source: str, split: str) -> str:
    """The origin of the rows, for a reader of results: address, revision and split."""
    dataset_id, _, revision = _parts(source)
    return f"https://huggingface.co/datasets/{dataset_id}, revision {revision or 'main'}, split {split}"


def _parts(source: str) -> tuple[str, str | None, str | None]:
    match = re.fullmatch(r"hub:([^/@]+/[^/@]+)(?:/([^/@]+))?(?:@(.+))?", source)
    if not match:
        raise ValueError(f"task.source={source}: not of the form hub:<owner>/<name>[/<configuration>][@<revision>]")
    return match[1], match[2], match[3]
