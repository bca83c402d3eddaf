"""The optimiser of a model's parameters: one of torch.optim, or the user's own class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Muon, Optimizer, SparseAdam

from bench.api import Cell
from bench.config.targets import load_checked
from bench.errors import ConfigError, did_you_mean
from bench.kernels.uncompiled import uncompiled

DECAYS = ("all", "matrices")

_REFUSED = {
    LBFGS: "evaluates the loss several times an update, but a step here is one forward and one backward pass",
    Muon: "updates matrices alone, but every model has biases",
    SparseAdam: "needs sparse gradients, but the gradients of every model are dense",
}


def build_optimizer(options: dict[str, Any], model: nn.Module) -> Optimizer:
    """The optimiser that `target` or `_target_` names, over the model's parameters, fused if it has such a form there.

    With `decay=matrices`, `weight_decay` does not apply to vectors (biases), nor to a cell's numbers for each unit
    or state (`Cell.undecayed`). Raises ConfigError for an unknown or ill-typed option, for a value that the
    optimiser rejects, and for an optimiser that the training loop cannot drive.
    """
    others = {name: value for name, value in options.items() if name != "decay"}
    cls, checked = load_checked("optimizer", others, Optimizer, given=1)
    for refused, why in _REFUSED.items():
        if issubclass(cls, refused):
            raise ConfigError(f"optimizer: {cls.__name__} {why}; choose another (python -m bench list optimizer)")
    own_form = checked.get("foreach") or checked.get("differentiable")
    groups = _groups(options.get("decay", "all"), model, cls)
    try:
        may_be_fused = "fused" in cls.__init__.__annotations__ and not own_form
        if may_be_fused and _can_step(cls, {"fused": True, **checked}, model):
            checked.setdefault("fused", True)  # the fastest form in all our timings, also on CPUs
        with uncompiled(cls):
            return cls(groups, **checked)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"optimizer: {error}") from None


def form_note(optimizer: Optimizer) -> str | None:
    """A line where the optimiser has a fused form, but none for the device of its parameters; else None."""
    own = optimizer.defaults
    if own.get("fused", False) is not None or own.get("foreach") or own.get("differentiable"):
        return None
    device = optimizer.param_groups[0]["params"][0].device
    return f"{type(optimizer).__name__} has no fused form on {device.type}: updates take its plain form"


def decay_note(optimizer: Optimizer, model: nn.Module) -> str | None:
    """A line that names what weight decay acts on; None where there is none, or where it acts on all parameters."""
    first, *others = optimizer.param_groups
    if not others or not first["weight_decay"]:
        return None
    names = {id(parameter): name.rpartition("cell.")[2] for name, parameter in model.named_parameters()}
    acted_on = dict.fromkeys(names[id(parameter)] for parameter in first["params"])
    return f"weight decay of {first['weight_decay']:g} acts on {', '.join(acted_on)} alone"


def state_of(optimizer: Optimizer) -> dict[str, Any]:
    """The state that `restore_optimizer` takes: the optimiser's `state_dict`."""
    with uncompiled(type(optimizer)):
        return optimizer.state_dict()


def restore_optimizer(optimizer: Optimizer, state: dict[str, Any], weights: torch.dtype) -> None:
    """Load the `state` that the optimiser's `state_dict` gave, when the model's weights had the dtype `weights`.

    torch alone brings most of it to the parameters' dtype. That is right for what had the dtype of the weights, which
    may be another now, and wrong for factors that torch always keeps in float32.
    """
    with uncompiled(type(optimizer)):
        optimizer.load_state_dict(state)
    optimizer._opt_called = True  # type: ignore[attr-defined]  # torch asks, at the first step of a schedule
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for place, kept in state["state"].items():
        restored = optimizer.state[parameters[place]]
        tensors = {name: value for name, value in kept.items() if isinstance(value, Tensor) and value.dtype != weights}
        restored.update({name: restored[name].to(value.dtype) for name, value in tensors.items()})


def _can_step(cls: type[Optimizer], options: dict[str, Any], model: nn.Module) -> bool:
    """Whether the optimiser makes an update of a parameter like those of the model: not every device has every form."""
    like = next(model.parameters()).detach()
    parameter = nn.Parameter(like.new_zeros([1] * like.dim()))
    parameter.grad = torch.zeros_like(parameter)
    try:
        with uncompiled(cls):
            cls([parameter], **options).step()
    except RuntimeError:  # a kernel that is not there, too
        return False
    return True


def _groups(decay: str, model: nn.Module, cls: type[Optimizer]) -> list[dict[str, Any]]:
    """One group of all parameters; or two, the matrices and, without weight decay, the others."""
    parameters = list(model.parameters())
    if decay == "all":
        return [{"params": parameters}]
    if decay != "matrices":
        raise ConfigError(f"optimizer.decay={decay}: choose one of {', '.join(DECAYS)}{did_you_mean(decay, DECAYS)}")
    if "weight_decay" not in cls.__init__.__annotations__:
        raise ConfigError(f"optimizer.decay=matrices: {cls.__name__} has no weight_decay; set optimizer.decay=all")
    spared = {id(parameter) for parameter in _undecayed(model)}
    spared |= {id(parameter) for parameter in parameters if parameter.dim() <= 1}
    matrices, vectors = ([p for p in parameters if (id(p) in spared) == is_spared] for is_spared in (False, True))
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]


def _undecayed(model: nn.Module) -> Iterator[Tensor]:
    """The parameters that the model's cells declare as `undecayed`; ConfigError where a cell has none of that name."""
    for cell in model.modules():
        for name in cell.undecayed if isinstance(cell, Cell) else ():
            parameter = getattr(cell, name, name)
            if isinstance(parameter, str):
                own = ", ".join(name for name, _ in cell.named_parameters())
                raise ConfigError(f"{type(cell).__name__}.undecayed: {name} is no parameter of it; it has {own}")
            if parameter is not None:  # an option of the cell leaves it out
                yield parameter
