"""The names of the files in a run's folder."""

from __future__ import annotations

import re

RECORD = "record.json"
WEIGHTS = "model.safetensors"
OPTIONS = "config.yaml"
CURVE = "curve.csv"
LOG = "run.log"
CHECKPOINTS = "checkpoint-*.pt"
"""A pattern; only the folder of a run that was cut off has such files, from which the run can go on."""

_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.pt")


def checkpoint(step: int) -> str:
    """The name of the checkpoint after `step` steps."""
    return CHECKPOINTS.replace("*", str(step))


def step_of(checkpoint: str) -> int | None:
    """The step that a checkpoint's name tells; None where it is no checkpoint's name."""
    match = _CHECKPOINT.fullmatch(checkpoint)
    return int(match[1]) if match else None
