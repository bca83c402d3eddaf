"""When a run's score on valid first reached the target of its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.results.figures import Flops, ToTarget
from bench.stats.scale import Scale


def to_target(
    curve: Sequence[Mapping[str, float]], metric: str, scale: Scale, flop_per_token: float | None
) -> ToTarget | None:
    """What it took until the first row of the `curve` whose score in `metric` is at the scale's goal.

    A curve has a row a validation, so that the figures are too large by up to the distance of two. None where there is
    no goal or no row.
    """
    if scale.goal is None or not curve:
        return None
    row = next((row for row in curve if scale.solves(row[f"valid_{metric}"])), None)
    if row is None:
        return {"reached": False, "steps": None, "tokens": None, "seconds": None, "flops": None}
    return {
        "reached": True,
        "steps": int(row["step"]),
        "tokens": int(row["tokens"]),
        "seconds": float(row["seconds"]),
        "flops": None if flop_per_token is None else flop_per_token * row["tokens"],
    }


def flop_per_token(flops: Flops | None, work: Mapping[str, Any] | None) -> float | None:
    """The floating-point operations of a token in training; None where `work` has none of a second of training."""
    if flops is None or work is None or work.get("train_flop_per_s") is None:
        return None
    return float(sum(flops[way][kind] for way in ("forward", "backward") for kind in ("products", "elementwise")))
