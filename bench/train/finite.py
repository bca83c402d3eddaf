"""Numbers that are not finite: whether training made them, or the data had them, and then in which batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.api import Batch, Split
from bench.errors import DataError, Diverged


def must_stay_finite(value: float, what: str, step: int, group: list[Batch], size: int) -> None:
    """Raise Diverged, `the training loss became nan at step 3`, for a `value` that is no finite number.

    It is a DataError where the inputs or targets of `group` are the cause: the batches of that step, of which every
    step has `size`. They are looked at only then, so that this costs a run nothing.
    """
    if not math.isfinite(value):
        for number, batch in enumerate(group, (step - 1) * size):
            must_have_numbers(batch, "train", number)
        raise Diverged(f"the {what} became {value} at step {step}")


def must_have_numbers(batch: Batch, split: Split, number: int) -> None:
    """Raise DataError where inputs or targets are NaN or infinite; batches are counted from 0."""
    for name, tensor in (("inputs", batch.inputs), ("targets", batch.targets)):
        if not _is_finite(tensor):
            wrong = (~tensor.isfinite()).nonzero()[0].tolist()
            place = ", ".join(f"{axis} {at}" for axis, at in zip(("time", "lane", "feature"), wrong, strict=False))
            raise DataError(
                f"{split}, batch {number}: {name} is {tensor[tuple(wrong)].item()} at {place}; "
                "mend the data, or let the task leave such sequences out"
            )


def _is_finite(tensor: Tensor) -> bool:
    """A sum takes a fraction of the time that a look at every number takes, and is finite only where all are."""
    return not tensor.is_floating_point() or bool(tensor.sum().isfinite()) or bool(torch.isfinite(tensor).all())
