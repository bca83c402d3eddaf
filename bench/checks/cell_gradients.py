"""Laws of a cell's gradients: every parameter has one, it is right, and it works under torch.func."""

from __future__ import annotations

import warnings
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError, gradcheck
from torch.func import functional_call, grad, stack_module_state, vmap

from bench.api import Cell
from bench.checks.compare import TOLERANCE, gap, gradients_of, tensors, weighted_sum
from bench.checks.law import Broken, law
from bench.checks.probe import Probe, all_forms, step_loop

_SEEDS = 3
_DRAWS = 4  # of parameters and inputs, so that a unit cut off by a ReLU in one is not in another
_GRADIENT_TOLERANCE = 1e-3  # in float32; batched products add up in another order


@law("use every parameter without detaching it (or set requires_grad=False); keep sqrt, norm and log away from 0")
def every_parameter_gets_a_finite_gradient(probe: Probe) -> None:
    """After a backward from the initial state each trainable parameter has a gradient, finite, and not zero throughout
    where zero-initialised parameters are moved away from it.
    """
    for name in all_forms(probe.cell()):
        for moved in (False, True):
            cell, x_TBF = probe.cell(), probe.inputs(16, 2)
            if moved:
                for parameter in cell.parameters():
                    parameter.data += 0.01 * torch.randn_like(parameter)
            y_TBH, _ = all_forms(cell)[name](x_TBF, cell.initial_state(2, x_TBF))
            (y_TBH * torch.randn_like(y_TBH)).sum().backward()
            for key, parameter in cell.named_parameters():
                if parameter.requires_grad:
                    _must_be_usable(parameter.grad, f"{name}: the gradient of `{key}`", may_vanish=not moved)


@law("register only as much of a parameter as is used: a block for each gate, a row and a column for each unit")
def every_row_and_column_gets_a_gradient(probe: Probe) -> None:
    """No row, column or other slice of a parameter has a gradient of 0 for each of several parameters and inputs."""
    alive: dict[str, Tensor] = {}
    for seed in range(_DRAWS):
        cell = probe.cell(seed=seed)
        for parameter in cell.parameters():
            parameter.data += 0.01 * torch.randn_like(parameter)
        y_TBH, _ = step_loop(cell, probe.inputs(16, 4, seed=10 + seed), probe.lived_in(cell, 4))
        (y_TBH * torch.randn_like(y_TBH)).sum().backward()
        for name, parameter in cell.named_parameters():
            if parameter.grad is not None:
                alive[name] = alive.get(name, torch.zeros_like(parameter, dtype=torch.bool)) | (parameter.grad != 0)
    for name, used in alive.items():
        for dimension in range(used.dim()) if used.any() else ():  # another law is about parameters unused as a whole
            slices = used.movedim(dimension, 0).flatten(1).any(1) if used.dim() > 1 else used
            if unused := (~slices).nonzero().flatten().tolist():
                shape, where = list(used.shape), ", ".join(map(str, unused[:3])) + ", ..." * (len(unused) > 3)
                raise Broken(
                    f"the gradient of `{name}` {shape} is 0 at {where} of dimension {dimension}: nothing uses it"
                )


@law("let autograd derive the gradient, or correct the backward that you wrote; remove any detach()")
def gradcheck_in_float64(probe: Probe) -> None:
    """Gradients of outputs and state with respect to input, state and parameters agree with finite differences. Parts
    of the state without any gradient, such as counters that outputs only compare, are left out.
    """
    cell, x_TBF = probe.cell(torch.float64), probe.inputs(3, 2, torch.float64).requires_grad_()
    state = probe.lived_in(cell, 2, torch.float64)
    parts = {f"part {i} of the state": part for i, part in enumerate(tensors(state)) if not _is_integer(part)}
    leaves = {"the input": x_TBF, **parts, **{f"`{n}`": p for n, p in cell.named_parameters() if p.requires_grad}}
    for leaf in leaves.values():
        leaf.requires_grad_()
    for name, form in all_forms(cell).items():

        def outputs(_: Tensor, form=form) -> tuple[Tensor, ...]:  # type: ignore[no-untyped-def]
            """Reads every leaf in each call, since gradcheck changes its argument in place."""
            y_TBH, last = form(x_TBF, state)
            return y_TBH, *(part for part in tensors(last) if part.requires_grad)

        reached = torch.autograd.grad(outputs(x_TBF)[0].sum(), list(leaves.values()), allow_unused=True)
        for (what, leaf), gradient in zip(leaves.items(), reached, strict=True):
            if gradient is None and what in parts:
                continue
            try:
                gradcheck(outputs, (leaf,), fast_mode=True, check_undefined_grad=False)
            except GradcheckError:
                raise Broken(f"{name}: the gradient with respect to {what} differs from finite differences") from None


@law("branch by torch.where, not by Python's if on a tensor's value; take no .item(); write nothing in place")
def works_under_torch_func(probe: Probe) -> str:
    """`functional_call` under `vmap` over stacked parameters gives the outputs of each cell alone and, with `grad`, its
    gradients, so that many seeds can train in one program. The vendor form is left out.
    """
    cells = [probe.cell(seed=seed) for seed in range(_SEEDS)]
    x_TBF = probe.inputs(5, 2)
    names = [name for name in all_forms(cells[0]) if name != "vendor"]
    warnings.filterwarnings("ignore", "There is a performance drop")  # speed does not matter here
    for name in names:
        models: list[nn.Module] = [_Unrolled(cell, name) for cell in cells]
        parameters, buffers = stack_module_state(models)
        call = partial(_call, models[0])
        y_STBH = vmap(call, in_dims=(0, 0, None))(parameters, buffers, x_TBF)
        gradients = vmap(grad(partial(_loss, call)), in_dims=(0, 0, None))(parameters, buffers, x_TBF)
        for seed, model in enumerate(models):
            y_TBH = model(x_TBF)
            if gap(y_STBH[seed], y_TBH).max() > TOLERANCE[torch.float32]:
                raise Broken(f"{name}: under vmap the output differs from the output of the cell alone")
            for key, wanted in gradients_of(weighted_sum(y_TBH), dict(model.named_parameters())).items():
                if gap(gradients[key][seed], wanted).max() > _GRADIENT_TOLERANCE:
                    key = key.removeprefix("cell.")
                    raise Broken(f"{name}: the gradient of `{key}` under vmap differs from the gradient without vmap")
    return ", ".join(names)


class _Unrolled(nn.Module):
    """A cell in one of its forms as a module with a `forward`, as functional_call needs it."""

    def __init__(self, cell: Cell, form: str) -> None:
        super().__init__()
        self.cell = cell
        self.unroll = all_forms(cell)[form]  # reads parameters at each call, so also those that functional_call puts in

    def forward(self, x_TBF: Tensor) -> Tensor:
        return self.unroll(x_TBF, self.cell.initial_state(x_TBF.shape[1], x_TBF))[0]


def _call(model: nn.Module, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x_TBF: Tensor) -> Tensor:
    return functional_call(model, (parameters, buffers), (x_TBF,))


def _loss(call: partial[Tensor], parameters: dict[str, Tensor], buffers: dict[str, Tensor], x_TBF: Tensor) -> Tensor:
    return weighted_sum(call(parameters, buffers, x_TBF))


def _must_be_usable(gradient: Tensor | None, what: str, may_vanish: bool) -> None:
    if gradient is None:
        raise Broken(f"{what} is None: no output depends on it")
    if not gradient.isfinite().all():
        raise Broken(f"{what} is not finite")
    if not may_vanish and not gradient.any():
        raise Broken(f"{what} is 0 throughout")


def _is_integer(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex())
