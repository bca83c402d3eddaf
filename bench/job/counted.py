"""What a run's model computes, for its record; None, and a line, where the code of its cells fails under a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bench.job.log import log
from bench.job.reason import reason_of
from bench.measure.dtypes import product_dtypes
from bench.measure.flops import count_flops
from bench.measure.work import limits, measure_work
from bench.model.sequence import SequenceModel
from bench.results.figures import Flops
from bench.train.setup import Setup

T = TypeVar("T")


def flops_of(model: SequenceModel) -> Flops | None:
    """The model's operations for the record."""
    counted = _known("FLOPs are not counted", lambda: count_flops(model))
    if counted is None:
        return None
    if counted.unknown:
        log.warning(f"FLOPs are without those of {', '.join(counted.unknown)}, which are not known")
    return counted.figures()


def work_of(setup: Setup, flops: Flops | None, speed: dict[str, Any] | None) -> dict[str, float | None] | None:
    """The model's work a second for the record; None where no speed was measured."""
    if speed is None:
        return None
    return _known(
        "its work a second is not known", lambda: measure_work(setup, flops, speed, setup.config.measure.seconds)
    )


def limits_of(setup: Setup) -> dict[str, float]:
    """By figure, microseconds a token at the rate of the machine's large products; empty where that is not known."""
    flops, seconds = flops_of(setup.model), setup.config.measure.seconds
    return _known("the limit of large products is not known", lambda: limits(setup, flops, seconds)) or {}


def products_of(setup: Setup) -> list[str] | None:
    """The dtypes of the model's products for the record."""
    found = _known("the dtypes of products are not known", lambda: product_dtypes(setup))
    if found is None:
        return None
    if setup.machine.precision == "bfloat16" and "float16" in found:
        log.warning(
            "hardware.precision=bfloat16: this device computes some products in float16, which rounds less and "
            "overflows at 65,504"
        )
    return found


def _known(otherwise: str, counted: Callable[[], T]) -> T | None:
    """What is counted; None, and a line that begins with `otherwise`, where the code of a cell fails in the count."""
    try:
        return counted()
    except Exception as error:
        log.warning(f"{otherwise}: {reason_of(error)}")
        return None
