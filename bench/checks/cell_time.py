"""Laws of a cell over time: its forms agree, the state carries everything, it is causal, nothing overflows."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from bench.api import Cell, Unroll
from bench.checks.compare import TOLERANCE, gap, gradients_of, must_equal, must_fit, tensors, weighted_sum
from bench.checks.law import Broken, law
from bench.checks.probe import Probe, all_forms, step_loop
from bench.unroll.generated import CannotGenerate, KernelUnroll

_LONG = 10_000


@law("make step and every unrolling compute one equation, or drop the form (unroll, vendor) that does not")
def step_equals_unroll(probe: Probe) -> str:
    """Outputs, last state and gradients of each unrolling equal a loop of steps, for odd and even lengths."""
    cell = probe.cell(torch.float64)
    forms = all_forms(cell)
    must_equal_steps(probe, cell, forms)
    return ", ".join(forms)


@law("choose by torch.where and not by `if`, use no global state, and keep all that is computed in the state")
def kernels_equal_steps(probe: Probe) -> str:
    """Where kernels can be generated from the step (`unroll=kernels`), their outputs, last state and gradients are
    those of a loop of steps.
    """
    cell = probe.cell(torch.float64)
    try:
        kernels = KernelUnroll(cell)
    except CannotGenerate as error:
        return str(error)
    must_equal_steps(probe, cell, {"kernels": kernels})
    return "kernels"


def must_equal_steps(probe: Probe, cell: Cell, forms: Mapping[str, Unroll]) -> None:
    """Raise Broken unless outputs, last states and gradients of forms are those of a loop of steps."""
    for steps in (1, 2, 7, 16):
        x_TBF = probe.inputs(steps, 2, torch.float64).requires_grad_()
        initial = cell.initial_state(2, x_TBF)
        wanted = step_loop(cell, x_TBF, initial)
        for name, form in forms.items():
            found, place = form(x_TBF, initial), f"{name} with T = {steps}"
            must_equal(found, wanted, place, "differs from the step loop's")
            leaves = {"the input": x_TBF, **{f"`{key}`": p for key, p in cell.named_parameters()}}
            gradients, theirs = (gradients_of(weighted_sum(result[0]), leaves) for result in (found, wanted))
            for what in leaves:
                if (largest := gap(gradients[what], theirs[what]).max()) > TOLERANCE[torch.float64]:
                    raise Broken(f"{place}: the gradient of {what} differs from the step loop's (by {largest:.2g})")


@law("start from the state that is given, and return the whole state after the last step")
def chunked_with_carry_equals_whole(probe: Probe) -> None:
    """A sequence in chunks, each starting from the last state of the chunk before, gives the outputs of the whole."""
    cell, x_TBF = probe.cell(), probe.inputs(12, 2)
    before = probe.lived_in(cell, 2)
    for name, form in all_forms(cell).items():
        whole = form(x_TBF, before)
        outputs, state = [], before
        for chunk_TBF in x_TBF.split([5, 1, 4, 2]):
            y_TBH, state = form(chunk_TBF, state)
            outputs.append(y_TBH)
        must_equal((torch.cat(outputs), state), whole, f"{name} in chunks of 5, 1, 4 and 2", "differs from the whole's")


@law("let an output look at its own and earlier time steps only")
def causal(probe: Probe) -> None:
    """Changing inputs from some time on changes no output before that time."""
    cell, x_TBF = probe.cell(), probe.inputs(12, 2)
    before = probe.lived_in(cell, 2)
    for start in (1, 7, 11):
        other_TBF = torch.cat([x_TBF[:start], probe.inputs(12 - start, 2, seed=3)])
        for name, form in all_forms(cell).items():
            y_TBH, other_TBH = (form(x, before)[0][:start] for x in (x_TBF, other_TBF))
            must_equal((other_TBH, ()), (y_TBH, ()), name, f"changes with the inputs from time {start} on")


@law("index and reshape by dimension, never by squeeze(): T or B may be 1")
def handles_one_lane_and_one_step(probe: Probe) -> None:
    """One lane, one time step, and both at once give the shapes of the contract, and finite values."""
    cell = probe.cell()
    for steps, lanes in ((1, 1), (1, 3), (5, 1)):
        x_TBF = probe.inputs(steps, lanes)
        initial = cell.initial_state(lanes, x_TBF)
        for name, form in all_forms(cell).items():
            result, place = form(x_TBF, initial), f"{name} with T = {steps}, B = {lanes}"
            must_fit(result, [steps, lanes, probe.hidden_size], initial, place)
            if not result[0].isfinite().all():
                raise Broken(f"{place}: the output is not finite")


@law("keep the recurrence's factors at 1 or below, and exponentials, logarithms and divisions away from their limits")
@torch.no_grad()
def finite_for_10000_steps(probe: Probe) -> None:
    """Outputs and state stay finite over 10,000 steps of standard normal input, in float32."""
    cell, x_TBF = probe.cell(), probe.inputs(_LONG, 2)
    for name, form in all_forms(cell).items():
        y_TBH, last = form(x_TBF, cell.initial_state(2, x_TBF))
        finite_T = y_TBH.isfinite().flatten(1).all(1)
        if not finite_T.all():
            raise Broken(f"{name}: the output is not finite from time {finite_T.int().argmin().item()} of {_LONG} on")
        if not all(part.isfinite().all() for part in tensors(last)):
            raise Broken(f"{name}: the state is not finite after {_LONG} steps")
