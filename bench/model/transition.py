"""One time step of a model as a function of its flat state, for Jacobians and other derivatives.

The flat state holds N numbers for each lane, over all layers. Lanes never mix, so that each lane has its own Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench.api import Cell, State, leaves, map_state
from bench.model.sequence import SequenceModel

Parameters = Mapping[str, Tensor]
LaneStep = Callable[[Parameters, Tensor, Tensor], Tensor]
"""Maps parameters by name, one lane's input `[]` or `[F]` and its flat state `[N]` to its next flat state `[N]`."""


def flatten(state: State) -> Tensor:
    """The flat state `[B, N]`, layer by layer: real numbers, of which a complex one is two, and a count or flag one."""
    real = [torch.stack([leaf.real, leaf.imag], -1) if leaf.is_complex() else leaf for leaf in leaves(state)]
    flat_BN = torch.cat([leaf.reshape(len(leaf), -1) for leaf in real], 1)
    return flat_BN if flat_BN.is_floating_point() else flat_BN.to(torch.get_default_dtype())


def unflatten(flat_BN: Tensor, like: State) -> State:
    """The inverse of `flatten`: a state with structure and dtypes of `like`, which may have another number of lanes."""
    pieces = iter(flat_BN.split([width(leaf) for leaf in leaves(like)], 1))

    def restore(leaf: Tensor) -> Tensor:
        piece_BN, shape = next(pieces), leaf.shape[1:]
        if leaf.is_complex():
            real, imaginary = piece_BN.reshape(len(flat_BN), *shape, 2).unbind(-1)
            return torch.complex(real, imaginary)
        return piece_BN.reshape(len(flat_BN), *shape).to(leaf.dtype)

    return map_state(restore, like)


def width(leaf: Tensor) -> int:
    """How many numbers of a lane's flat state a tensor of the state is."""
    return leaf[0].numel() * (2 if leaf.is_complex() else 1)


def lane_step(model: SequenceModel, like: State) -> LaneStep:
    """The model's time step for one lane, without its output; for torch.func, under vmap over lanes.

    `like` is a state of the model, with any number of lanes.
    """
    module = _Transition(model)

    def step(parameters: Parameters, x: Tensor, flat_N: Tensor) -> Tensor:
        named = {f"model.{name}": parameter for name, parameter in parameters.items()}
        return functional_call(module, named, (x.unsqueeze(0), unflatten(flat_N.unsqueeze(0), like))).squeeze(0)

    return step


class _Transition(nn.Module):
    """The step as a `forward`, the only method that `functional_call` can call."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, state: tuple[State, ...]) -> Tensor:
        return flatten(self.model.step(inputs, state)[1])


CellStep = Callable[[Tensor, State], tuple[Tensor, State]]
"""Maps inputs `[B, F]` and a cell's state to its outputs `[B, H]` and its next state."""


@contextmanager
def stepped_by(model: SequenceModel, replace: Callable[[int, Cell], CellStep]) -> Iterator[None]:
    """Within the block, `replace(i, cell)` replaces the step of layer i's cell; the parts around the cells stay."""
    cells = [layer.cell for layer in model.layers]
    steps = [replace(i, cell) for i, cell in enumerate(cells)]
    for cell, step in zip(cells, steps, strict=True):
        cell.step = step  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        for cell in cells:
            del cell.step
