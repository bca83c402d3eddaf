"""Laws of a cell as a module: it keeps no state, is deterministic, and can be saved and moved."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import Tensor

from bench.api import State
from bench.checks.compare import gap, layout, must_equal, tensors
from bench.checks.contents import contents, must_be_unchanged
from bench.checks.law import Broken, law
from bench.checks.probe import Probe, all_forms, with_same_dropout


@law("keep what changes with time in the state, and constants as buffers that the constructor registers")
def no_state_kept_on_the_module(probe: Probe) -> None:
    """A forward changes no attribute, buffer or parameter, in training or evaluation; a second call gives the same
    result.
    """
    cell, x_TBF = probe.cell(), probe.inputs(5, 2)
    initial = cell.initial_state(2, x_TBF)
    for name, form in all_forms(cell).items():
        for training in (True, False):
            cell.train(training)
            before = contents(cell)
            first = with_same_dropout(form, x_TBF, initial)
            form(probe.inputs(4, 2, seed=3), initial)
            must_be_unchanged(before, contents(cell), name)
            again = with_same_dropout(form, x_TBF, initial)
            must_equal(
                again, first, f"{name} in a second call with the same arguments", "differs from the first call's"
            )


@law("draw random numbers from torch's global generator alone, not from random, numpy or a generator of the cell's own")
def deterministic(probe: Probe) -> None:
    """A cell built and run twice in training from one torch seed has the same weights and outputs to the last bit."""
    first, second = _one_run(probe), _one_run(probe)
    for what in first:
        if gap(first[what], second[what]).any():
            raise Broken(f"{what} differs between two runs with the same seed")


@law("register every tensor that outputs depend on as a parameter or as a persistent buffer")
def state_dict_round_trip(probe: Probe) -> None:
    """A cell drawn from another seed and given the state dict, through safetensors, gives the same outputs."""
    cell, other, x_TBF = probe.cell(), probe.cell(seed=1), probe.inputs(5, 2)
    other.load_state_dict(load(save({name: tensor.clone().contiguous() for name, tensor in cell.state_dict().items()})))
    forms, others = all_forms(cell), all_forms(other)
    for name in forms:
        wanted, found = (f[name](x_TBF, c.initial_state(2, x_TBF)) for f, c in ((forms, cell), (others, other)))
        must_equal(found, wanted, f"{name} after loading", "differs from the saved cell's")


@law("make new tensors by like.new_zeros(...) or register them as buffers; name no dtype or device, take no .item()")
def moves_between_dtypes_and_devices(probe: Probe) -> str:
    """In float32 and float64, on every device of this machine, state and output have the dtype and device of `like` and
    the input, and their values stay the same.
    """
    wanted: dict[str, Tensor] = {}
    cell, places = probe.cell(), _places()
    for device, dtype in places:
        cell.to(device).to(dtype)
        x_TBF = probe.inputs(5, 2).to(device=device, dtype=dtype)
        place = f"on {device} in {layout(x_TBF).partition('[')[0]}"
        initial = cell.initial_state(2, x_TBF)
        _must_follow(initial, x_TBF, f"initial_state {place}")
        for name, form in all_forms(cell).items():
            y_TBH, last = form(x_TBF, initial)
            _must_follow((y_TBH, last), x_TBF, f"the output or state of {name} {place}")
            if (largest := gap(y_TBH, wanted.setdefault(name, y_TBH)).max()) > _TOLERANCE:
                raise Broken(f"{name} {place}: the output differs from the CPU's in float32 (by {largest:.2g})")
    return ", ".join(dict.fromkeys(device for device, _ in places))


def _one_run(probe: Probe) -> dict[str, Tensor]:
    """The tensors of a newly built cell and the outputs of its forms, by name."""
    cell, x_TBF = probe.cell().train(), probe.inputs(5, 2)
    initial = cell.initial_state(2, x_TBF)
    built = {f"`{name}` after construction": tensor for name, tensor in cell.state_dict().items()}
    forms = all_forms(cell).items()
    return built | {f"the output of {name}": with_same_dropout(form, x_TBF, initial)[0] for name, form in forms}


_TOLERANCE = 1e-2  # GPUs may multiply in TF32


def _places() -> list[tuple[str, torch.dtype]]:
    devices = ["cpu", *("cuda",) * torch.cuda.is_available(), *("mps",) * torch.backends.mps.is_available()]
    every = [(device, dtype) for dtype in (torch.float32, torch.float64) for device in devices]
    return [(device, dtype) for device, dtype in every if (device, dtype) != ("mps", torch.float64)]


def _must_follow(state: State, like: Tensor, place: str) -> None:
    """Raise Broken unless all tensors have the device of `like`, and all but integer tensors its precision."""
    for tensor in tensors(state):
        real = tensor.real.dtype if tensor.is_complex() else tensor.dtype
        if tensor.device.type != like.device.type or (real.is_floating_point and real != like.dtype):
            raise Broken(f"{place} is {layout(tensor)} on {tensor.device.type}")
