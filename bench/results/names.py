"""The names of the files in a run's folder, and of a sweep's lease."""

from __future__ import annotations

import re

RECORD = "record.json"
WEIGHTS = "model.safetensors"
OPTIONS = "config.yaml"
CURVE = "curve.csv"
LOG = "run.log"
CHECKPOINTS = "checkpoint-*.pt"
"""A pattern. Only the folder of an interrupted run has such files: the run can resume from them."""
DRAFTS = ".*.tmp"
"""A pattern: files that were being written when their process was killed."""
SWEEP = "sweep"
"""The base of the lease in a sweep's folder."""

_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.pt")


def checkpoint(step: int) -> str:
    """The name of the checkpoint after `step` steps."""
    return CHECKPOINTS.replace("*", str(step))


def step_of(checkpoint: str) -> int | None:
    """The step in a checkpoint's name; None for any other name."""
    match = _CHECKPOINT.fullmatch(checkpoint)
    return int(match[1]) if match else None
