"""The passes of a step over time: two forward, of which one keeps what the third needs, and the one backward."""

from __future__ import annotations

from dataclasses import dataclass

from bench.kernels.adjoint import Backward, backward
from bench.kernels.forward import forward
from bench.kernels.program import Program
from bench.kernels.step import Cannot, Step
from bench.kernels.sums import in_place

__all__ = ["Passes", "passes"]


@dataclass(frozen=True)
class Passes:
    """A step, its gradient, and the programs of its passes by name: `forward` in training, `infer`, `backward`."""

    step: Step
    gradient: Backward
    programs: dict[str, Program]


def passes(step: Step) -> Passes:
    """The passes of a step, products added in place where it reads only sums. Raises Cannot for one without inputs."""
    if not step.inputs:
        raise Cannot("the step reads no input")
    step = in_place(step)
    gradient = backward(step)
    programs = {
        "forward": forward(step, gradient.saved.stores), "infer": forward(step), "backward": gradient.program
    }  # fmt: skip
    return Passes(step, gradient, programs)
