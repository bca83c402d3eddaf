"""Laws of a cell beyond a few usual inputs: long sequences, many lanes, odd sizes, bfloat16, large inputs and zeros."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import torch

from bench.api import Cell, GatedCell
from bench.checks.compare import TOLERANCE
from bench.checks.law import Broken, law
from bench.checks.probe import Probe, all_forms, step_loop
from bench.model.noise import NoisyCell
from bench.unroll.agreement import PIECE, disagreement, gap, results

_STEPS, _LANES = 130, 11
_LARGE = 1e5
_ROUNDING, _TIMES = 1e-14, 10  # a disturbance of the inputs, and how many times its effect a difference may be


@law("make no use of the length of a sequence, or of the number of lanes or units: pad to a block's size, and cut off")
def forms_agree_over_130_steps(probe: Probe) -> str:
    """Outputs, last state and gradients of each unrolling equal a loop of steps over 130 steps from a lived-in state,
    for 11 lanes and a number of units that is no multiple of 8.
    """
    right, probe = _right_for_few(probe), probe.oddly_sized()
    cell, x_TBF = probe.cell(torch.float64), probe.inputs(_STEPS, _LANES, torch.float64).requires_grad_()
    before, loop = probe.lived_in(cell, _LANES, torch.float64), partial(step_loop, cell)
    wanted = results(cell, loop, x_TBF, before) if right else {}
    for name in right:
        found = results(cell, all_forms(cell)[name], x_TBF, before)
        for kind in wanted:
            if not (difference := gap(found, wanted, kind)) <= TOLERANCE[torch.float64]:
                nearby = results(cell, loop, (x_TBF.detach() * (1 + _ROUNDING)).requires_grad_(), before)
                if not difference <= _TIMES * gap(nearby, wanted, kind):  # else rounding errors grow as large
                    size = f"T = {_STEPS}, B = {_LANES}, H = {probe.hidden_size}"
                    raise Broken(f"{name} with {size}: {kind} differ from the step loop's (by {difference:.2g})")
    return f"{', '.join(right)} with H = {probe.hidden_size}"


@law("bring tensors to one dtype before functions that ask for it (lerp, addcmul, index_put), and sum in float32")
def forms_agree_in_bfloat16(probe: Probe) -> str:
    """Under autocast to bfloat16, as with hardware.precision=bfloat16, each unrolling runs and equals the loop of steps
    as nearly as such numbers can.
    """
    right, cell = _right_for_few(probe), probe.cell()
    for name in right:
        if found := disagreement(cell, all_forms(cell)[name], precision="bfloat16"):
            raise Broken(f"{name}: {found[0]} differ from the step loop's (by {found[1]:.2g} of the largest)")
    return ", ".join(right)


@law("keep exponentials and products in float32's range: subtract the largest exponent; use softplus or logsigmoid")
def finite_for_large_inputs(probe: Probe) -> None:
    """Outputs, state and gradients stay finite for inputs as large as 100,000, in float32; those of a gated cell also
    with zoneout, unless it declares that its states are not `apart`.
    """
    _must_stay_finite(probe, _LARGE)
    must_bear_zoneout(probe.cell())


@torch.no_grad()
def must_bear_zoneout(cell: Cell) -> None:
    """Raise Broken where a gated cell whose states are `apart` is not finite when some of them keep old values."""
    if not isinstance(cell, GatedCell) or not cell.apart or type(cell).step is not GatedCell.step:
        return
    noisy = NoisyCell(cell, zoneout=0.5, dropout=0.0)
    x_TBF = _LARGE * torch.randn(_STEPS, _LANES, cell.input_size, generator=torch.Generator().manual_seed(0))
    for mode in (True, False):
        noisy.training, state = mode, noisy.initial_state(_LANES, x_TBF)
        for time, x_BF in enumerate(x_TBF):
            y_BH, state = noisy.step(x_BF, state)
            if not y_BH.isfinite().all():
                raise Broken(
                    f"with model.zoneout=0.5 the output is not finite from time {time} on: are its states "
                    f"{', '.join(cell.states)} parts of one value? then set apart = False"
                )


@law("keep norms, roots and quotients away from 0 / 0: add a small number under the root or to the divisor")
def finite_for_zero_inputs(probe: Probe) -> None:
    """Outputs, state and gradients stay finite where all inputs are 0, in float32."""
    _must_stay_finite(probe, 0.0)


def _right_for_few(probe: Probe) -> list[str]:
    """The forms that equal the loop, and numbers, over a few steps, lanes and units: of the others, other laws tell."""
    cell, x_TBF = probe.cell(torch.float64), probe.inputs(16, 2, torch.float64).requires_grad_()
    before, right = probe.lived_in(cell, 2, torch.float64), []
    with suppress(Exception):
        wanted = results(cell, partial(step_loop, cell), x_TBF, before)
        for name, form in all_forms(cell).items():
            found = results(cell, form, x_TBF, before)
            if all(gap(found, wanted, kind) <= TOLERANCE[torch.float64] for kind in wanted):
                right.append(name)
    return right


def _must_stay_finite(probe: Probe, scale: float) -> None:
    cell, x_TBF = probe.cell(), (scale * probe.inputs(PIECE, 3)).requires_grad_()
    states = {"the initial state": cell.initial_state(3, x_TBF), "a later one": probe.lived_in(cell, 3)}
    for name in _right_for_few(probe):
        for where, state in states.items():
            for kind, found in results(cell, all_forms(cell)[name], x_TBF, state).items():
                if not all(tensor.isfinite().all() for tensor in found):
                    raise Broken(f"{name} from {where}: {kind} are not finite within {PIECE} steps")
