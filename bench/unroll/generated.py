"""A cell over time by kernels generated from its step: C++ for the CPU, compiled once and kept on the disk, or CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy

import torch
from torch import Tensor, nn

from bench.api import Cell, State, cache_folder, leaves, map_state
from bench.kernels.compiler import NoCompiler
from bench.kernels.fused import Fused, Symbols, refuse_unfit
from bench.kernels.step import Cannot, Step
from bench.kernels.trace import trace

__all__ = ["CannotGenerate", "KernelUnroll", "in_structure_of", "step_of", "tensors_of"]


class CannotGenerate(Exception):
    """Why a cell has no kernels here, in a line."""


class KernelUnroll:
    """A cell unrolled by kernels, on its parameters as they are at each call.

    The cell's step is traced once, in training and in evaluation, and both passes over time are generated from it
    (`bench.kernels`). They compute in the dtype of the weights, also under autocast, which then holds for the products
    with the inputs alone. Gradients can be taken once. Raises CannotGenerate, with the reason, where the step has an
    operation that kernels lack, where there is no compiler, and on other devices than CPUs and NVIDIA GPUs.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        like = next(cell.parameters(), torch.empty(0))
        self.dtype = like.dtype
        try:
            refuse_unfit(like)
            folder = cache_folder() / "kernels"
            self.fused = {mode: Fused(step_of(cell, mode), like.dtype, folder, like.device) for mode in (True, False)}
            self.compiler = self.fused[True].kernels.compiler
        except (Cannot, NoCompiler) as error:
            raise CannotGenerate(f"{type(cell).__name__} has no kernels: {error}") from error

    def __call__(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        return self._over(x_TBF, state)

    @property
    def takes_symbols(self) -> bool:
        """Whether `of_symbols` spares products. On a GPU, where they are cheap, nobody has measured it."""
        fused = self.fused[True]
        return fused.device.type == "cpu" and fused.reads_maps_alone

    def of_symbols(self, table_VF: Tensor, symbols_TB: Tensor, state: State) -> tuple[Tensor, State]:
        """The same of inputs `table[symbols]`: their products are those of the table's rows, where these are fewer."""
        x = Symbols(symbols_TB, table_VF)
        return self._over(x if 2 * len(table_VF) <= symbols_TB.numel() else x.vectors, state)

    def of_rows(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """A call by the way that symbols go, each input a symbol of its own: for a comparison."""
        rows = torch.arange(x_TBF[..., 0].numel(), device=x_TBF.device).view(x_TBF.shape[:2])
        return self._over(Symbols(rows, x_TBF.flatten(0, 1)), state)

    def _over(self, x: Tensor | Symbols, state: State) -> tuple[Tensor, State]:
        y_TBH, last = self.fused[self.cell.training](x, leaves(state), tensors_of(self.cell))
        return y_TBH, in_structure_of(state, last)

    def __deepcopy__(self, memo: dict[int, object]) -> KernelUnroll:
        """The same kernels for a copy of the cell."""
        new = copy(self)
        new.cell = deepcopy(self.cell, memo)
        return new


def step_of(cell: Cell, training: bool) -> Step:
    """The expressions of a cell's step in training or in evaluation; raises Cannot."""
    state = cell.initial_state(1, next(cell.parameters(), torch.empty(0)))

    def step(x_BF: Tensor, old: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y_BH, new = cell.step(x_BF, in_structure_of(state, old))
        return y_BH, leaves(new)

    was = cell.training
    cell.train(training)
    try:
        return trace(step, cell.input_size, leaves(state), tensors_of(cell))
    finally:
        cell.train(was)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, as they are now: `torch.func.functional_call` puts others in their places."""
    if not module._modules:  # a tenth of the time, at every call of most cells
        own = {**module._parameters, **module._buffers}
        return {name: tensor for name, tensor in own.items() if tensor is not None}
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def in_structure_of(state: State, tensors: Sequence[Tensor]) -> State:
    """The tensors in the structure of a state."""
    following = iter(tensors)
    return map_state(lambda _: next(following), state)
