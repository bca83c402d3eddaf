"""What a run's model computes, op by op, for its record; a line where the code of its cells fails under a count."""

from __future__ import annotations

from typing import Any

from bench.job.log import log
from bench.job.reason import reason_of
from bench.measure.dtypes import product_dtypes
from bench.measure.flops import count_flops
from bench.measure.work import measure_work
from bench.model.sequence import SequenceModel
from bench.results.record import Flops
from bench.train.setup import Setup


def flops_of(model: SequenceModel) -> Flops | None:
    """The model's operations for the record; None, and a line, where the code of its cells fails in a count."""
    try:
        counted = count_flops(model)
    except Exception as error:
        log.warning(f"FLOPs are not counted: {reason_of(error)}")
        return None
    if counted.unknown:
        log.warning(f"FLOPs are without those of {', '.join(counted.unknown)}, which are not known")
    return counted.figures()


def work_of(setup: Setup, flops: Flops | None, speed: dict[str, Any] | None) -> dict[str, float | None] | None:
    """The model's work a second for the record; None, and a line, where the code of its cells fails there."""
    if speed is None:
        return None
    try:
        return measure_work(setup, flops, speed, setup.config.measure.seconds)
    except Exception as error:
        log.warning(f"its work a second is not known: {reason_of(error)}")
        return None


def products_of(setup: Setup) -> list[str] | None:
    """The dtypes of the model's products for the record; None, and a line, where the code of its cells fails there."""
    try:
        found = product_dtypes(setup)
    except Exception as error:
        log.warning(f"the dtypes of products are not known: {reason_of(error)}")
        return None
    if setup.machine.precision == "bfloat16" and "float16" in found:
        log.warning(
            "hardware.precision=bfloat16: this device computes some products in float16, which rounds less and "
            "overflows at 65,504"
        )
    return found
