"""Laws of a cell's state: its layout, the independence of lanes, fresh lanes, and no writing in place."""

from __future__ import annotations

import torch

from bench.api import Cell, Features, Metric, State, TaskSpec, Unroll, map_state
from bench.checks.compare import gap, lanes_of, layout, must_equal, must_fit, tensors
from bench.checks.law import Broken, law
from bench.checks.probe import Probe, all_forms, with_same_dropout
from bench.model.sequence import SequenceModel
from bench.unroll.forms import forms


@law(
    "return (output [B, H], state), the state as initial_state(batch_size, like) lays it out: a tensor with lanes "
    "first, or a (named) tuple of such"
)
def shapes_are_the_contracts(probe: Probe) -> None:
    """A step gives an output `[B, H]` and a state of the structure, shapes and dtypes of `initial_state`, whose tensors
    are `[B, ...]`; an unrolling gives `[T, B, H]` and such a state. Of `like` only dtype and device count.
    """
    cell, x_TBF = probe.cell(), probe.inputs(5, 3)
    initial = cell.initial_state(3, x_TBF)
    must_have_lanes_first(initial, 3)
    if layout(cell.initial_state(3, x_TBF.new_zeros(()))) != layout(initial):
        raise Broken("initial_state takes its shapes from `like` instead of batch_size")
    must_fit(cell.step(x_TBF[0], initial), [3, probe.hidden_size], initial, "step")
    for name, form in all_forms(cell).items():
        must_fit(form(x_TBF, initial), [5, 3, probe.hidden_size], initial, name)


@law("compute each lane from its own input and state: no sum, mean or norm over the batch")
def batch_lanes_independent(probe: Probe) -> None:
    """A lane's outputs depend neither on the other lanes' content nor on their number, in training and evaluation."""
    cell, x_TBF = probe.cell(), probe.inputs(6, 3)
    old, new = probe.lived_in(cell, 3), cell.initial_state(3, x_TBF)
    other_TBF = torch.cat([probe.inputs(6, 1, seed=3), x_TBF[:, 1:]], dim=1)
    other = map_state(lambda new_B, old_B: torch.cat([new_B[:1], old_B[1:]]), new, old)
    rest = [1, 2]
    for name, form in all_forms(cell).items():
        for training in (True, False):
            cell.train(training)
            wanted = lanes_of(with_same_dropout(form, x_TBF, old), rest)
            found = lanes_of(with_same_dropout(form, other_TBF, other), rest)
            place = f"{name} in {'training' if training else 'evaluation'}"
            must_equal(found, wanted, place, "changes with the content of lane 0", rest)
        alone = form(*lanes_of((x_TBF, old), rest))
        must_equal(alone, wanted, name, "changes where lane 0 is left out of the batch", rest)


@law("keep a lane's memory in its own rows [B, ...] of the state alone, and let initial_state set its first values")
def fresh_lanes_reset(probe: Probe) -> None:
    """Where one lane starts a new sequence and others go on, each lane gives the outputs of an unmixed batch."""
    metric = Metric("none", "", "max", chance=0.0)
    spec = TaskSpec("check-v1", Features(probe.input_size), 1, "every_step", metric, source="", licence="")
    model = SequenceModel(spec, probe.make_cell, probe.hidden_size).eval()
    cell = model.cells[0]
    assert isinstance(cell, Cell)
    x_TBF, old = probe.inputs(6, 3), probe.lived_in(cell, 3)
    new = cell.initial_state(3, x_TBF)
    (carried,) = model.carry((old,), fresh=torch.tensor([False, True, False]))
    for name, form in all_forms(cell).items():
        found = form(x_TBF, carried)
        for which, state, lanes in (("a fresh lane", new, [1]), ("a lane that goes on", old, [0, 2])):
            wanted = lanes_of(form(x_TBF, state), lanes)
            place = f"{name}, {which} in a mixed batch"
            must_equal(lanes_of(found, lanes), wanted, place, "differs from the output in an unmixed batch", lanes)


@law("write into new tensors only: x = x * 2, not x *= 2 or x.mul_(2)")
def input_not_changed_in_place(probe: Probe) -> None:
    """A cell writes neither into its input nor into the given state, with or without gradients."""
    cell, x_TBF = probe.cell(), probe.inputs(5, 2)
    state = probe.lived_in(cell, 2)
    for name, make in forms(cell).items():
        for gradients in (True, False):
            with torch.set_grad_enabled(gradients):
                must_leave_alone(make(), x_TBF, state, f"{name} {'with' if gradients else 'without'} gradients")


def must_have_lanes_first(initial: State, lanes: int) -> None:
    """Raise Broken where a tensor of an initial state is not `[B, ...]`, or holds nothing, as an empty tuple does."""
    if not any(part.numel() for part in tensors(initial)):
        raise Broken(f"initial_state is {layout(initial)}, and holds nothing: without memory, keep zeros [B, 1]")
    if any(part.shape[:1] != (lanes,) for part in tensors(initial)):
        raise Broken(f"initial_state for {lanes} lanes is {layout(initial)}: all first dimensions must be {lanes}")


def must_leave_alone(form: Unroll, x: torch.Tensor, state: State, place: str) -> None:
    """Raise Broken where `form` writes into its arguments."""
    given, given_state = x.clone(), map_state(torch.Tensor.clone, state)
    form(given, given_state)
    if gap(given, x).any():
        raise Broken(f"{place}: the input is changed in place")
    for part, (now, was) in enumerate(zip(tensors(given_state), tensors(state), strict=True)):
        if gap(now, was).any():
            raise Broken(f"{place}: part {part} of the given state is changed in place")
